// SPDX-License-Identifier: MIT
// Reads the clock where any system call but write and exit is death: it must come from the vDSO. (Not by seccomp's
// strict mode, which takes away the TSC, too.)
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int allow_two_calls(void)
{
    static struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog program = {sizeof code / sizeof *code, code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

int main(int argc, char** argv)
{
    static const char monotonic[] = "VDSO monotonic\n", back[] = "VDSO went back\n";
    struct timespec last = {0}, now;
    int steps = 0;
    (void)argv;
    if (!allow_two_calls()) return 1;
    if (argc > 1) syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now); // does the filter bite?
    clock_gettime(CLOCK_MONOTONIC, &last);
    for (int i = 0; i < 100000; ++i) {
        clock_gettime(CLOCK_REALTIME, &now);
        clock_gettime(CLOCK_MONOTONIC, &now);
        steps += now.tv_sec < last.tv_sec || (now.tv_sec == last.tv_sec && now.tv_nsec < last.tv_nsec);
        last = now;
    }
    if (write(1, steps == 0 ? monotonic : back, sizeof monotonic - 1) < 0) return 1;
    syscall(SYS_exit, 0); // exit_group would be one too many
}
