/* SPDX-License-Identifier: MIT */
/* mini-lmbench with pvcount markers. Static; runs as init child. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/socket.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <time.h>
#define MARK(id) asm volatile(".byte 0x0f,0x1f,0x80; .short %c0; .short 0x5a5a" :: "i"(id) : "memory")
static uint64_t now(void){ struct timespec t; clock_gettime(CLOCK_MONOTONIC,&t); return t.tv_sec*1000000000ull+t.tv_nsec; }
static uint64_t rdtsc(void){ uint32_t a,d; asm volatile("rdtsc":"=a"(a),"=d"(d)); return a|(uint64_t)d<<32; }
static int scale=1;
#define BENCH(id,name,N,stmt) do { long n=(N)*scale; for(int _w=0;_w<2;_w++){ long i=_w;(void)i; stmt; } uint64_t t0=now(),c0=rdtsc(); MARK(id); for(long i=0;i<n;i++){ stmt; } MARK(0x8000|(id)); uint64_t c1=rdtsc(),t1=now(); \
   printf("B %d %s N=%ld per=1 tsc/op=%lu ns/op=%lu\n",id,name,n,(unsigned long)((c1-c0)/n),(unsigned long)((t1-t0)/n)); fflush(stdout); } while(0)
static volatile int sigs; static void h(int s){ sigs++; }
static char *gp; static void segv(int s, siginfo_t *si, void *u){ mprotect(gp,4096,PROT_READ|PROT_WRITE); }
static char buf[65536];
int main(int argc,char**argv)
{
    if(argc>1&&!strcmp(argv[1],"nop")) _exit(0);
    MARK(0x8000|99);
    if(argc>1) scale=atoi(argv[1]); if(scale<1) scale=1;
    int zero=open("/dev/zero",O_RDONLY), null=open("/dev/null",O_WRONLY);
    struct stat st;
    BENCH(100,"empty_loop",1000,asm volatile(""));
    BENCH(101,"getppid",1000,syscall(SYS_getppid));
    BENCH(102,"read_devzero_1B",500,read(zero,buf,1));
    BENCH(103,"write_devnull_1B",500,write(null,buf,1));
    BENCH(104,"stat_/tmp/f",300,stat("/dev/null",&st));
    BENCH(105,"open_close",200,({int f=open("/dev/null",O_RDONLY);close(f);}));
    BENCH(106,"sig_install",300,signal(SIGUSR1,h));
    BENCH(107,"sig_handle_raise",300,raise(SIGUSR1));
    BENCH(108,"clock_gettime",500,({struct timespec t; clock_gettime(CLOCK_MONOTONIC,&t);}));
    { fd_set r; int fds[100]; FD_ZERO(&r); int mx=0; for(int i=0;i<100;i++){ fds[i]=open("/dev/zero",O_RDONLY); if(fds[i]>mx)mx=fds[i]; }
      BENCH(109,"select_100fd",100,({ FD_ZERO(&r); for(int k=0;k<100;k++)FD_SET(fds[k],&r); struct timeval tv={0,0}; select(mx+1,&r,0,0,&tv);})); for(int i=0;i<100;i++)close(fds[i]); }
    /* memory: page fault: map 256 pages, touch each, unmap */
    BENCH(110,"mmap_munmap_1page_notouch",200,({char*p=mmap(0,4096,PROT_READ|PROT_WRITE,MAP_PRIVATE|MAP_ANONYMOUS,-1,0); munmap(p,4096);}));
    BENCH(111,"mmap_touch_munmap_1page",200,({char*p=mmap(0,4096,PROT_READ|PROT_WRITE,MAP_PRIVATE|MAP_ANONYMOUS,-1,0); *p=1; munmap(p,4096);}));
    BENCH(112,"mmap_touch256_munmap(256 faults)",10,({char*p=mmap(0,256*4096,PROT_READ|PROT_WRITE,MAP_PRIVATE|MAP_ANONYMOUS,-1,0); madvise(p,256*4096,MADV_NOHUGEPAGE); for(int k=0;k<256;k++)p[k*4096]=1; munmap(p,256*4096);}));
    gp=mmap(0,4096,PROT_READ|PROT_WRITE,MAP_PRIVATE|MAP_ANONYMOUS,-1,0); *gp=1;
    BENCH(113,"mprotect_toggle(2 calls+touch)",200,({ mprotect(gp,4096,PROT_READ); mprotect(gp,4096,PROT_READ|PROT_WRITE); *gp=1;}));
    { struct sigaction sa={0}; sa.sa_sigaction=segv; sa.sa_flags=SA_SIGINFO; sigaction(SIGSEGV,&sa,0); BENCH(114,"prot_fault_segv_handler",100,({ mprotect(gp,4096,PROT_READ); *(volatile char*)gp=1; })); signal(SIGSEGV,SIG_DFL); }
    { int f=open("/lmb",O_RDONLY); BENCH(115,"file_mmap_64K_touch_munmap(16 faults)",50,({char*p=mmap(0,65536,PROT_READ,MAP_PRIVATE,f,0); volatile char x; for(int k=0;k<16;k++)x=p[k*4096]; (void)x; munmap(p,65536);})); 
      BENCH(116,"pread_64K_pagecache",50,pread(f,buf,65536,0)); close(f); }
    /* processes */
    BENCH(120,"fork_exit_wait",20,({ pid_t p=fork(); if(!p)_exit(0); waitpid(p,0,0);}));
    BENCH(121,"fork_exec_exit",10,({ pid_t p=fork(); if(!p){ execl("/lmb","lmb","nop",NULL); _exit(1);} waitpid(p,0,0);}));
    BENCH(122,"vfork_exec_exit",10,({ pid_t p=vfork(); if(!p){ execl("/lmb","lmb","nop",NULL); _exit(1);} waitpid(p,0,0);}));
    BENCH(123,"sh_c_true",5,({ pid_t p=fork(); if(!p){ execl("/bin/sh","sh","-c","/bin/true",NULL); _exit(1);} waitpid(p,0,0);}));
    /* context switch via pipes: round trip = 2 switches */
    { int a[2],b[2]; pipe(a);pipe(b); char c=0; BENCH(130,"pipe_self_write_read",300,({write(a[1],&c,1);read(a[0],&c,1);}));
      pid_t p=fork(); if(!p){ close(a[1]); while(read(a[0],&c,1)==1) write(b[1],&c,1); _exit(0);} 
      BENCH(131,"pipe_pingpong_rt(2 ctxsw)",300,({write(a[1],&c,1);read(b[0],&c,1);})); close(a[1]); close(a[0]); kill(p,9); waitpid(p,0,0); }
    { int s[2]; socketpair(AF_UNIX,SOCK_STREAM,0,s); char c=0; pid_t p=fork(); if(!p){ close(s[0]); while(read(s[1],&c,1)==1) write(s[1],&c,1); _exit(0);} close(s[1]);
      BENCH(132,"af_unix_pingpong_rt",200,({write(s[0],&c,1);read(s[0],&c,1);})); kill(p,9); waitpid(p,0,0); }
    { int l=socket(AF_INET,SOCK_STREAM,0); struct sockaddr_in sa={.sin_family=AF_INET,.sin_port=htons(5555),.sin_addr.s_addr=htonl(0x7f000001)}; int one=1;
      if(!bind(l,(void*)&sa,sizeof sa)&&!listen(l,5)){ pid_t p=fork(); if(!p){ int c2=accept(l,0,0); setsockopt(c2,6,TCP_NODELAY,&one,4); char c; while(read(c2,&c,1)==1) write(c2,&c,1); _exit(0);} 
        int c1=socket(AF_INET,SOCK_STREAM,0); if(!connect(c1,(void*)&sa,sizeof sa)){ setsockopt(c1,6,TCP_NODELAY,&one,4); char c=0; BENCH(133,"tcp_loopback_pingpong_rt",100,({write(c1,&c,1);read(c1,&c,1);})); } else printf("connect: %d\n",errno); kill(p,9); waitpid(p,0,0);} }
    { int a[2]; pipe(a); pid_t p=fork(); if(!p){ close(a[1]); while(read(a[0],buf,65536)>0); _exit(0);} close(a[0]); BENCH(134,"pipe_bw_64K_write",50,({ write(a[1],buf,65536);})); close(a[1]); waitpid(p,0,0); }
    /* cpu-bound and memory-bound user work: 1M iterations */
    BENCH(140,"cpu_user_1M_insn",2,({ for(volatile int k=0;k<200000;k++); }));
    { static char big[8<<20]; memset(big,1,sizeof big); BENCH(141,"memset_8M_touch",2,memset(big,i,sizeof big)); }
    printf("LMB done\n"); return 0;
}
