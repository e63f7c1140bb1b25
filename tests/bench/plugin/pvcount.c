/* SPDX-License-Identifier: MIT */
/* pvcount: TCG plugin for QEMU 7.2 (plugin API v1). Counts guest instructions per protection class (by
 * virtual address), privileged/expensive instruction events and memory accesses, and reports the difference
 * between two in-guest markers:  nopl 0x5a5aIIII(%rax)   (0f 1f 80 II II 5a 5a), legal in any ring.
 * Marker id: bit15=0 start, bit15=1 stop; low 15 bits = operation number.  Output: one line per stop marker.
 * Build: gcc -O2 -shared -fPIC -o pvcount.so pvcount.c
 * Use:   qemu-system-x86_64 ... -plugin ./pvcount.so,out=counts.tsv
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
typedef uint64_t qemu_plugin_id_t;
typedef struct qemu_info_t qemu_info_t;
struct qemu_plugin_tb; struct qemu_plugin_insn;
enum qemu_plugin_cb_flags { CB_NO_REGS, CB_R_REGS, CB_RW_REGS };
enum qemu_plugin_mem_rw { MEM_R = 1, MEM_W, MEM_RW };
enum qemu_plugin_op { INLINE_ADD_U64 };
#define EXP __attribute__((visibility("default")))
EXP int qemu_plugin_version = 1;
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, void *), void *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *, enum qemu_plugin_op, void *, uint64_t);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *, void (*)(unsigned, void *), enum qemu_plugin_cb_flags, void *);
void qemu_plugin_register_vcpu_mem_inline(struct qemu_plugin_insn *, enum qemu_plugin_mem_rw, enum qemu_plugin_op, void *, uint64_t);

enum { EV_CR3, EV_CR4, EV_CROTH, EV_RDCR, EV_INVLPG, EV_INVPCID, EV_WRMSR, EV_RDMSR, EV_SWAPGS, EV_IRET, EV_SYSRET,
       EV_SYSCALL, EV_INT, EV_LOCK, EV_FENCE, EV_CLISTI, EV_LDTBL, EV_IO, EV_HLT, EV_CPUID, EV_RDTSC, EV_FSGSBASE,
       EV_FPSAVE, EV_FPREST, EV_SEGLD, EV_REP, EV_PUSHF, EV_DR, EV_STACCLAC, EV_PAUSE, EV_LD, EV_ST, EV_N };
static const char *evn[EV_N] = { "wrcr3","wrcr4","wrcroth","rdcr","invlpg","invpcid","wrmsr","rdmsr","swapgs","iret","sysret",
       "syscall","int","lock","fence","clisti","ldtbl","io","hlt","cpuid","rdtsc","fsgsbase","fpsave","fprest","segld",
       "repiter","pushpopf","movdr","stacclac","pause","ld","st" };
#define NC 68
static struct cnt { uint64_t insn[3]; uint64_t ev[3][EV_N]; uint64_t hc[NC], hci[NC]; } now;
static int cause = 65; static uint64_t last_h;
static void close_cause(int nc) { now.hci[cause] += now.insn[2] - last_h; last_h = now.insn[2]; cause = nc; }
static void entrycb(unsigned v, void *u) { int c = (int)(uintptr_t)u; close_cause(c); now.hc[c]++; }
static uint64_t hcr_lo, hcr_hi, tgt[NC]; static int ntgt;
static void callcb(unsigned v, void *u) { uint64_t t = (uint64_t)(uintptr_t)u; int i; for (i = 0; i < ntgt; i++) if (tgt[i] == t) break; if (i == ntgt && ntgt < 60) tgt[ntgt++] = t; close_cause(i); now.hc[i]++; }
static void exitcb(unsigned v, void *u) { close_cause(65); }
#define NOPS 32768
static struct cnt *start[NOPS];
static FILE *out;
static int memcount = 1; static int trace_id = -1; static long trace_max = 4000, trace_left; static uint64_t trace_skip;
char *qemu_plugin_insn_disas(const struct qemu_plugin_insn *);
struct tri { uint64_t va; char *d; };
static void tracecb(unsigned v, void *u) { if (trace_left > 0) { struct tri *t = u; if (trace_skip) trace_skip--; else { trace_left--; fprintf(out, "T\t%016" PRIx64 "\t%s\n", t->va, t->d); } } }

static int cls(uint64_t va)
{
    if (!(va >> 63)) return 0;
    if (va >= 0xffff800000000000ull && va < 0xffff880000000000ull) return 2;
    return 1;
}
static int classify(const uint8_t *p, size_t n)
{
    size_t i = 0; int lock = 0, rep = 0, o16 = 0, rex = 0;
    for (; i < n; i++) {
        uint8_t b = p[i];
        if (b == 0xf0) lock = 1; else if (b == 0xf3) rep = 1; else if (b == 0xf2) rep = 2;
        else if (b == 0x66) o16 = 1;
        else if (b == 0x67 || b == 0x2e || b == 0x36 || b == 0x3e || b == 0x26 || b == 0x64 || b == 0x65) ;
        else if ((b & 0xf0) == 0x40) rex = b; else break;
    }
    (void)o16; (void)rex;
    if (i >= n) return -1;
    uint8_t b = p[i], m = i + 1 < n ? p[i + 1] : 0;
    if (lock) return EV_LOCK;
    if (b == 0x0f && i + 1 < n) {
        uint8_t c = m, mm = i + 2 < n ? p[i + 2] : 0; int reg = (mm >> 3) & 7, mod = mm >> 6;
        switch (c) {
        case 0x22: return reg == 3 ? EV_CR3 : reg == 4 ? EV_CR4 : EV_CROTH;
        case 0x20: return EV_RDCR;
        case 0x21: case 0x23: return EV_DR;
        case 0x06: return EV_CROTH;            /* clts */
        case 0x30: return EV_WRMSR; case 0x32: return EV_RDMSR;
        case 0x05: return EV_SYSCALL; case 0x07: return EV_SYSRET; case 0x34: return EV_SYSCALL; case 0x35: return EV_SYSRET;
        case 0x31: return EV_RDTSC; case 0xa2: return EV_CPUID;
        case 0x01:
            if (mod == 3) { if (mm == 0xf8) return EV_SWAPGS; if (mm == 0xf9) return EV_RDTSC;
                            if (mm == 0xca || mm == 0xcb) return EV_STACCLAC; if (mm == 0xd1) return EV_CROTH; return -1; }
            if (reg == 7) return EV_INVLPG; if (reg == 2 || reg == 3) return EV_LDTBL; return -1;
        case 0x00: if (reg == 2 || reg == 3) return EV_LDTBL; if (reg == 5 || reg == 4) return EV_FENCE; return -1;  /* lldt ltr, verw */
        case 0xae:
            if (mod == 3) { if (rep == 1) return EV_FSGSBASE; if (reg >= 5) return EV_FENCE; return -1; }
            if (reg == 0 || reg == 4 || reg == 6) return EV_FPSAVE; if (reg == 1 || reg == 5) return EV_FPREST; return -1;
        case 0xc7: if (mod != 3 && (reg == 3)) return EV_FPREST; if (mod != 3 && (reg == 4 || reg == 5)) return EV_FPSAVE; return -1;
        case 0x38: if (mm == 0x82) return EV_INVPCID; return -1;
        case 0xb2: case 0xb4: case 0xb5: case 0xa1: case 0xa9: return EV_SEGLD;
        }
        return -1;
    }
    switch (b) {
    case 0xcf: return EV_IRET;
    case 0xcc: case 0xcd: return EV_INT;
    case 0xfa: case 0xfb: return EV_CLISTI;
    case 0xf4: return EV_HLT;
    case 0x9c: case 0x9d: return EV_PUSHF;
    case 0x8e: return EV_SEGLD;
    case 0x90: if (rep == 1) return EV_PAUSE; return -1;
    case 0x86: case 0x87: if ((m >> 6) != 3) return EV_LOCK; return -1;   /* xchg mem is implicitly locked */
    case 0xe4: case 0xe5: case 0xe6: case 0xe7: case 0xec: case 0xed: case 0xee: case 0xef: return EV_IO;
    case 0xa4: case 0xa5: case 0xaa: case 0xab: case 0xa6: case 0xa7: case 0xae: case 0xaf: case 0xac: case 0xad:
        return rep ? EV_REP : -1;
    case 0x6c: case 0x6d: case 0x6e: case 0x6f: return EV_IO;
    }
    return -1;
}
static void dump(const char *tag, int op, const struct cnt *a, const struct cnt *b)
{
    fprintf(out, "%s\t%d\tuser=%" PRIu64 "\tgk=%" PRIu64 "\thyp=%" PRIu64, tag, op, b->insn[0] - a->insn[0], b->insn[1] - a->insn[1], b->insn[2] - a->insn[2]);
    static const char *cn[3] = { "u", "k", "h" };
    for (int c = 0; c < 3; c++)
        for (int e = 0; e < EV_N; e++) {
            uint64_t d = b->ev[c][e] - a->ev[c][e];
            if (d) fprintf(out, "\t%s.%s=%" PRIu64, cn[c], evn[e], d);
        }
    for (int i = 0; i < NC; i++) { uint64_t n = b->hc[i] - a->hc[i], k = b->hci[i] - a->hci[i]; if ((n || k) && hcr_lo && i < 60) fprintf(out, "\thcx%" PRIx64 "=%" PRIu64 "\thcix%" PRIx64 "=%" PRIu64, tgt[i], n, tgt[i], k); else if (n || k) fprintf(out, "\thc%d=%" PRIu64 "\thci%d=%" PRIu64, i, n, i, k); }
    fputc('\n', out); fflush(out);
}
static void marker(unsigned vcpu, void *u)
{
    unsigned id = (unsigned)(uintptr_t)u, op = id & 0x7fff;
    if ((int)op == trace_id) { if (!(id & 0x8000)) trace_left = trace_max; else { trace_left = 0; trace_id = -2; } }
    if (!(id & 0x8000)) { if (!start[op]) start[op] = malloc(sizeof now); *start[op] = now; }
    else { static struct cnt z; struct cnt e = now; dump(start[op] ? "op" : "abs", op, start[op] ? start[op] : &z, &e); }
}
/* The guest kernel's first code after the hypervisor's gives the line `abs 98`: what was spent before it ran. */
static bool guest_seen;
static void trans(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    size_t n = qemu_plugin_tb_n_insns(tb);
    for (size_t i = 0; i < n; i++) {
        struct qemu_plugin_insn *in = qemu_plugin_tb_get_insn(tb, i);
        const uint8_t *p = qemu_plugin_insn_data(in); size_t sz = qemu_plugin_insn_size(in);
        int c = cls(qemu_plugin_insn_vaddr(in));
        if (c == 1 && !guest_seen && now.insn[2]) { static struct cnt z; guest_seen = true; dump("abs", 98, &z, &now); }
        if (sz >= 7 && p[0] == 0x0f && p[1] == 0x1f && p[2] == 0x80 && p[5] == 0x5a && p[6] == 0x5a) {
            qemu_plugin_register_vcpu_insn_exec_cb(in, marker, CB_NO_REGS, (void *)(uintptr_t)(p[3] | p[4] << 8));
            continue;
        }
        if (trace_id != -1) { struct tri *t = malloc(sizeof *t); t->va = qemu_plugin_insn_vaddr(in); t->d = qemu_plugin_insn_disas(in); qemu_plugin_register_vcpu_insn_exec_cb(in, tracecb, CB_NO_REGS, t); }
        qemu_plugin_register_vcpu_insn_exec_inline(in, INLINE_ADD_U64, &now.insn[c], 1);
        int e = classify(p, sz);
        if (e >= 0) qemu_plugin_register_vcpu_insn_exec_inline(in, INLINE_ADD_U64, &now.ev[c][e], 1);
        if (e == EV_SYSCALL && c < 2) qemu_plugin_register_vcpu_insn_exec_cb(in, entrycb, CB_NO_REGS, (void *)(uintptr_t)(c == 0 ? 64 : hcr_lo ? 66 : (qemu_plugin_insn_vaddr(in) & 0xfff) >> 5 > 63 ? 67 : (qemu_plugin_insn_vaddr(in) & 0xfff) >> 5));
        if ((e == EV_IRET || e == EV_SYSRET) && c == 2) qemu_plugin_register_vcpu_insn_exec_cb(in, exitcb, CB_NO_REGS, NULL);
        if (hcr_lo && qemu_plugin_insn_vaddr(in) >= hcr_lo && qemu_plugin_insn_vaddr(in) < hcr_hi && p[0] == 0xe8) { int32_t r; memcpy(&r, p + 1, 4); qemu_plugin_register_vcpu_insn_exec_cb(in, callcb, CB_NO_REGS, (void *)(uintptr_t)(qemu_plugin_insn_vaddr(in) + 5 + r)); }
        if (memcount) {
            qemu_plugin_register_vcpu_mem_inline(in, MEM_R, INLINE_ADD_U64, &now.ev[c][EV_LD], 1);
            qemu_plugin_register_vcpu_mem_inline(in, MEM_W, INLINE_ADD_U64, &now.ev[c][EV_ST], 1);
        }
    }
}
static void fini(qemu_plugin_id_t id, void *u) { struct cnt z; memset(&z, 0, sizeof z); dump("total", 0, &z, &now); fclose(out); }
EXP int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    const char *o = "pvcount.tsv";
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "out=", 4)) o = argv[i] + 4;
        if (!strcmp(argv[i], "mem=off")) memcount = 0;
        if (!strncmp(argv[i], "hcr=", 4)) { char *e; hcr_lo = strtoull(argv[i] + 4, &e, 16); hcr_hi = strtoull(e + 1, 0, 16); }
        if (!strncmp(argv[i], "trace=", 6)) trace_id = atoi(argv[i] + 6);
        if (!strncmp(argv[i], "tmax=", 5)) trace_max = atol(argv[i] + 5);
    }
    out = fopen(o, "w"); if (!out) return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, trans);
    qemu_plugin_register_atexit_cb(id, fini, NULL);
    return 0;
}
