/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stddef.h>
#include <stdarg.h>
#define __XEN_INTERFACE_VERSION__ 0x00040d00
#include <xen/xen.h>
#include <xen/event_channel.h>
#include <xen/callback.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>
#include <xen/memory.h>
#include <xen/grant_table.h>
#include <xen/io/console.h>
typedef uint64_t u64; typedef uint32_t u32; typedef uint8_t u8;
#define PG 4096
#define VB 0xffffffff80000000ul
extern char hypercall_page[], syscall_entry[], event_entry[], failsafe_entry[], pf_entry[], gp_entry[], user_blob[], user_blob_end[], stack_top[], kstack2_top[], vcpu1_start[];
void enter_user(u64 rip, u64 rsp, u64 flags);
volatile u32 ev_count, pf_count; u32 ev_word; void *shared_vcpu; u64 *shared_pending; u64 vcpu1_sp;
static inline long hc(int n, u64 a, u64 b, u64 c, u64 d, u64 e)
{
    long r; register u64 r10 asm("r10") = d; register u64 r8 asm("r8") = e; u64 x1, x2, x3;
    asm volatile("call *%[f]" : "=a"(r), "=D"(x1), "=S"(x2), "=d"(x3), "+r"(r10), "+r"(r8)
        : [f]"r"(hypercall_page + n * 32), "1"(a), "2"(b), "3"(c) : "memory", "rcx", "r11", "r9");
    return r;
}
#define HC(n,...) HC_(n, ##__VA_ARGS__, 0,0,0,0,0)
#define HC_(n,a,b,c,d,e,...) hc(__HYPERVISOR_##n, (u64)(a),(u64)(b),(u64)(c),(u64)(d),(u64)(e))
#define MARK(id) asm volatile(".byte 0x0f,0x1f,0x80; .short %c0; .short 0x5a5a" :: "i"(id) : "memory")
static u64 rdtsc(void){ u32 a,d; asm volatile("rdtsc":"=a"(a),"=d"(d)); return a|(u64)d<<32; }
static start_info_t *si; static u64 *p2m;
#define m2p ((u64*)MACH2PHYS_VIRT_START)
static void puts_(const char *s){ unsigned n=0; while(s[n]) n++;
  if(!si || (si->flags & SIF_INITDOMAIN)) { HC(console_io, CONSOLEIO_write, n, s); return; }
  volatile struct xencons_interface *c=(void*)(VB+(m2p[si->console.domU.mfn]<<12)); u32 p=c->out_prod; for(unsigned i=0;i<n;i++){ while(p-c->out_cons>=sizeof c->out) { struct evtchn_send e={.port=si->console.domU.evtchn}; HC(event_channel_op,EVTCHNOP_send,&e); HC(sched_op,SCHEDOP_yield,0); } c->out[MASK_XENCONS_IDX(p++,c->out)]=s[i]; __atomic_thread_fence(__ATOMIC_SEQ_CST); c->out_prod=p; }
  struct evtchn_send e={.port=si->console.domU.evtchn}; HC(event_channel_op,EVTCHNOP_send,&e); }
static void num(char **p, u64 v){ char b[24]; int i=0; do { b[i++]='0'+v%10; v/=10; } while(v); while(i) *(*p)++=b[--i]; }
static void hex(char **p, u64 v){ for(int i=60;i>=0;i-=4) *(*p)++="0123456789abcdef"[(v>>i)&15]; }
static void pf(const char *f, ...)
{ char b[256],*p=b; va_list ap; va_start(ap,f); for(;*f;f++){ if(*f!='%'){*p++=*f;continue;} f++; if(*f=='u')num(&p,va_arg(ap,u64)); else if(*f=='d'){long v=va_arg(ap,long); if(v<0){*p++='-';v=-v;} num(&p,v);} else if(*f=='x')hex(&p,va_arg(ap,u64)); else if(*f=='s'){const char*s=va_arg(ap,char*);while(*s)*p++=*s++;} } *p=0; va_end(ap); puts_(b); }
#define BENCH(id, name, N, per, stmt) do { for(int _w=0;_w<4;_w++){ u64 i=_w; (void)i; stmt; } u64 _t0=rdtsc(); MARK(id); for(u64 i=0;i<(N);i++){ stmt; } MARK(0x8000|(id)); u64 _t1=rdtsc(); \
    pf("B %u %s N=%u per=%u tsc/op=%u\n",(u64)id,name,(u64)(N),(u64)(per),(_t1-_t0)/((u64)(N)*(per))); } while(0)
static u64 va2mfn(void *v){ return p2m[((u64)v-VB)>>12]; }
static void *mfn2va(u64 mfn){ return (void*)(VB + (m2p[mfn]<<12)); }
static u64 *pte_of(u64 va, u64 *maddr)
{
    u64 *t=(u64*)si->pt_base; u64 mfn=va2mfn(t);
    for(int l=3;;l--){ int ix=(va>>(12+9*l))&511; if(l==0){ if(maddr)*maddr=(mfn<<12)|ix*8; return t+ix; } u64 e=t[ix]; if(!(e&1)) return 0; mfn=(e&0x000ffffffffff000ul)>>12; t=mfn2va(mfn); }
}
#define NA 544
static u8 arena[NA][PG] __attribute__((aligned(4096)));
static u64 ul4[512] __attribute__((aligned(4096))), ul3[512] __attribute__((aligned(4096))), ul2[512] __attribute__((aligned(4096))), ul1[512] __attribute__((aligned(4096)));
static u64 u2l4[512] __attribute__((aligned(4096)));
static u64 kl4b[512] __attribute__((aligned(4096)));
static u8 ucode[PG] __attribute__((aligned(4096))), ustack[PG] __attribute__((aligned(4096)));
static u64 l1x[512] __attribute__((aligned(4096)));
static u8 shinfo_va[PG] __attribute__((aligned(4096)));
static u8 gnt_va[4*PG] __attribute__((aligned(4096)));
static mmu_update_t mu[512]; static multicall_entry_t mc[64];
static void die(const char *s, long r){ pf("DIE %s %d\n", s, r); struct sched_shutdown sd={SHUTDOWN_reboot}; HC(sched_op, SCHEDOP_shutdown, &sd); for(;;); }
#define CK(x) do { long _r=(x); if(_r<0) die(#x,_r); } while(0)
static void make_ro(void *v){ u64 e=*pte_of((u64)v,0); CK(HC(update_va_mapping, v, e & ~2ul, UVMF_INVLPG|UVMF_LOCAL)); }
static void make_rw(void *v){ u64 e=*pte_of((u64)v,0); CK(HC(update_va_mapping, v, e | 2ul, UVMF_INVLPG|UVMF_LOCAL)); }
static volatile u32 pong; static u32 port_a, port_b; static shared_info_t *sh; 
static void ev_clear(u32 p){ __atomic_and_fetch(&sh->evtchn_pending[p>>6], ~(1ul<<(p&63)), __ATOMIC_SEQ_CST); }
void vcpu1_main(void)
{
    /* upcalls masked: use poll on port_b, then notify port_a */
    for(;;){ evtchn_port_t pt=port_b; struct sched_poll sp={.nr_ports=1,.timeout=0}; set_xen_guest_handle(sp.ports,&pt); HC(sched_op,SCHEDOP_poll,&sp); ev_clear(port_b);
        struct evtchn_send es={.port=port_a}; HC(event_channel_op,EVTCHNOP_send,&es); }
}
void kmain(start_info_t *s)
{
    si=s; p2m=(u64*)s->mfn_list;
    char ver[256]; long v=HC(xen_version,XENVER_version,0);
    pf("pvbench: %s xen %u.%u nr_pages %u pt_base %x flags %x\n", s->magic,(u64)v>>16,(u64)v&0xffff,s->nr_pages,s->pt_base,(u64)s->flags); (void)ver;
    /* shared info */
    CK(HC(update_va_mapping, shinfo_va, s->shared_info|3, UVMF_INVLPG|UVMF_LOCAL)); sh=(void*)shinfo_va; shared_vcpu=&sh->vcpu_info[0]; shared_pending=(u64*)sh->evtchn_pending;
    struct callback_register cb={.type=CALLBACKTYPE_event,.address=(u64)event_entry}; CK(HC(callback_op,CALLBACKOP_register,&cb));
    cb.type=CALLBACKTYPE_failsafe; cb.address=(u64)failsafe_entry; CK(HC(callback_op,CALLBACKOP_register,&cb));
    cb.type=CALLBACKTYPE_syscall; cb.flags=CALLBACKF_mask_events; cb.address=(u64)syscall_entry; CK(HC(callback_op,CALLBACKOP_register,&cb));
    trap_info_t ti[]={{14,4,0xe033,(u64)pf_entry},{13,4,0xe033,(u64)gp_entry},{0,0,0,0}}; CK(HC(set_trap_table,ti));
    CK(HC(stack_switch,0,kstack2_top));
    CK(HC(vm_assist,VMASST_CMD_enable,VMASST_TYPE_pae_extended_cr3)*0);
    const char *cl=(const char*)s->cmd_line; 
    if(cl[0]=='i'){ pf("idle up\n"); for(;;) HC(sched_op,SCHEDOP_block,0); }
    if(cl[0]=='A'||cl[0]=='B'){ /* "A<peer>" allocates unbound port for peer; "B<peer>:<port>" binds */
        int peer=0,port=0; const char*q=cl+1; while(*q>='0'&&*q<='9') peer=peer*10+*q++-'0'; if(*q==':'){ q++; while(*q>='0'&&*q<='9') port=port*10+*q++-'0'; }
        u32 my; if(cl[0]=='A'){ struct evtchn_alloc_unbound au={.dom=DOMID_SELF,.remote_dom=peer}; CK(HC(event_channel_op,EVTCHNOP_alloc_unbound,&au)); my=au.port; pf("A port %u\n",(u64)my); }
        else { struct evtchn_bind_interdomain bd={.remote_dom=peer,.remote_port=port}; long r; while((r=HC(event_channel_op,EVTCHNOP_bind_interdomain,&bd))<0) HC(sched_op,SCHEDOP_yield,0); my=bd.local_port; pf("B bound %u\n",(u64)my); }
        evtchn_port_t pt=my; struct sched_poll sp={.nr_ports=1,.timeout=0}; set_xen_guest_handle(sp.ports,&pt); struct evtchn_send es={.port=my};
        if(cl[0]=='B') for(;;){ HC(sched_op,SCHEDOP_poll,&sp); sh->evtchn_pending[0]&=~(1ul<<my); HC(event_channel_op,EVTCHNOP_send,&es); }
        HC(sched_op,SCHEDOP_poll,&sp); sh->evtchn_pending[0]&=~(1ul<<my);  /* bind makes one initial event */
        for(int rep=0;rep<3;rep++) BENCH(90,"interdomain_pingpong_roundtrip",2000,1, ({ HC(event_channel_op,EVTCHNOP_send,&es); HC(sched_op,SCHEDOP_poll,&sp); __atomic_and_fetch(&sh->evtchn_pending[0],~(1ul<<my),__ATOMIC_SEQ_CST); }));
        pf("pingpong done\n"); for(;;) HC(sched_op,SCHEDOP_block,0);
    }
    for(int i=0;i<NA;i++) arena[i][0]=i; /* touch */
    BENCH(1,"empty_loop",2000,1, asm volatile(""));
    BENCH(2,"hc_null_xen_version",2000,1, HC(xen_version,XENVER_version,0));
    BENCH(3,"hc_enosys",2000,1, hc(63,0,0,0,0,0));
    for(int i=0;i<32;i++){ mc[i].op=__HYPERVISOR_xen_version; mc[i].args[0]=XENVER_version; mc[i].args[1]=0; }
    BENCH(4,"multicall_32_null",200,32, HC(multicall,mc,32));
    BENCH(5,"multicall_1_null",2000,1, HC(multicall,mc,1));
    BENCH(6,"stack_switch",2000,1, HC(stack_switch,0,kstack2_top));
    BENCH(7,"set_segment_base_fs",2000,1, HC(set_segment_base,SEGBASE_FS,0x1000*(i&1)));
    BENCH(8,"fpu_taskswitch",2000,1, HC(fpu_taskswitch,i&1)); HC(fpu_taskswitch,0);
    BENCH(9,"sched_yield",2000,1, HC(sched_op,SCHEDOP_yield,0));
    /* PT updates */
    u64 pa0,pa1; u64 *pt0=pte_of((u64)arena[0],&pa0); u64 e0=*pt0, e1=*pte_of((u64)arena[1],&pa1);
    BENCH(10,"uva_same_flags_avail",2000,1, HC(update_va_mapping,arena[0],e0^((i&1)<<9),UVMF_NONE));
    BENCH(11,"uva_change_frame",2000,1, HC(update_va_mapping,arena[0],(i&1)?e0:e1,UVMF_NONE)); CK(HC(update_va_mapping,arena[0],e0,0));
    BENCH(12,"uva_change_frame_invlpg",2000,1, HC(update_va_mapping,arena[0],(i&1)?e0:e1,UVMF_INVLPG|UVMF_LOCAL));
    BENCH(13,"uva_change_frame_flush",2000,1, HC(update_va_mapping,arena[0],(i&1)?e0:e1,UVMF_TLB_FLUSH|UVMF_LOCAL));
    CK(HC(update_va_mapping,arena[0],e0,UVMF_INVLPG|UVMF_LOCAL));
    BENCH(14,"uva_map_then_unmap(2)",2000,1, (HC(update_va_mapping,arena[0],0,UVMF_NONE),HC(update_va_mapping,arena[0],e0,UVMF_NONE)));
    BENCH(15,"uva_rw_to_ro_toggle",2000,1, HC(update_va_mapping,arena[0],(i&1)?e0:(e0&~2ul),UVMF_NONE)); CK(HC(update_va_mapping,arena[0],e0,UVMF_INVLPG|UVMF_LOCAL));
    static const int bs[]={1,8,32,128};
#define MMUB(id,nm,k,expr) do { BENCH(id,nm,(k)>=32?200:1000,k, ({ for(int j=0;j<(k);j++){ u64 pa; int q=1+j; u64 *pt=ptes[q]; pa=pas[q]; (void)pt; mu[j].ptr=pa; mu[j].val=(expr);} u32 done; HC(mmu_update,mu,k,&done,DOMID_SELF); })); } while(0)
    static u64 *ptes[512]; static u64 pas[512]; for(int i=0;i<512;i++) ptes[i]=pte_of((u64)arena[i],&pas[i]);
    static u64 orig[512]; for(int i=0;i<512;i++) orig[i]=*ptes[i]; (void)bs;
    MMUB(20,"mmu_update_b1_frame",1, (i&1)?orig[q]:orig[q+1]);
    for(int j=0;j<512;j++) CK(HC(update_va_mapping,arena[j],orig[j],UVMF_NONE));
    MMUB(21,"mmu_update_b8_frame",8, (i&1)?orig[q]:orig[q+1]);
    MMUB(22,"mmu_update_b32_frame",32, (i&1)?orig[q]:orig[q+1]);
    MMUB(23,"mmu_update_b128_frame",128, (i&1)?orig[q]:orig[q+1]);
    for(int j=0;j<512;j++) CK(HC(update_va_mapping,arena[j],orig[j],UVMF_NONE));
    MMUB(24,"mmu_update_b1_fast",1, orig[q]^((i&1)<<9));
    MMUB(25,"mmu_update_b32_fast",32, orig[q]^((i&1)<<9));
    MMUB(26,"mmu_update_b32_unmap_map",32, (i&1)?orig[q]:0);
    MMUB(27,"mmu_update_b32_rw_ro",32, (i&1)?orig[q]:orig[q]&~2ul);
    for(int j=0;j<512;j++) CK(HC(update_va_mapping,arena[j],orig[j],UVMF_NONE));
    /* machphys update */
    BENCH(28,"mmu_update_machphys_b1",1000,1, ({ mu[0].ptr=(va2mfn(arena[1])<<12)|MMU_MACHPHYS_UPDATE; mu[0].val=((u64)arena[1]-VB)>>12; u32 done; HC(mmu_update,mu,1,&done,DOMID_SELF); }));
    /* multicall of 32 update_va_mapping (Linux's way for some) */
    BENCH(29,"multicall_32_uva_frame",200,32, ({ for(int j=0;j<32;j++){ mc[j].op=__HYPERVISOR_update_va_mapping; mc[j].args[0]=(u64)arena[j+1]; mc[j].args[1]=(i&1)?orig[j+1]:orig[j+2]; mc[j].args[2]=0; } HC(multicall,mc,32); }));
    for(int j=0;j<512;j++) CK(HC(update_va_mapping,arena[j],orig[j],UVMF_NONE)); 
    struct mmuext_op mo={.cmd=MMUEXT_TLB_FLUSH_LOCAL}; 
    BENCH(30,"mmuext_tlb_flush_local",2000,1, ({ mo.cmd=MMUEXT_TLB_FLUSH_LOCAL; HC(mmuext_op,&mo,1,0,DOMID_SELF); }));
    BENCH(31,"mmuext_invlpg_local",2000,1, ({ mo.cmd=MMUEXT_INVLPG_LOCAL; mo.arg1.linear_addr=(u64)arena[3]; HC(mmuext_op,&mo,1,0,DOMID_SELF); }));
    /* write directly to RO page table: emulated write (ptwr) */
    BENCH(32,"ptwr_emulated_pte_write",1000,1, (*(volatile u64*)ptes[5] = orig[5]^((i&1)<<9)));
    /* pin/unpin an L1 with 512 RW entries */
    for(int j=0;j<512;j++) l1x[j]=orig[j]&~0x100ul; make_ro(l1x);
    BENCH(33,"pin_unpin_L1_512rw(per entry)",20,512, ({ mo.cmd=MMUEXT_PIN_L1_TABLE; mo.arg1.mfn=va2mfn(l1x); CK(HC(mmuext_op,&mo,1,0,DOMID_SELF)); mo.cmd=MMUEXT_UNPIN_TABLE; CK(HC(mmuext_op,&mo,1,0,DOMID_SELF)); }));
    make_rw(l1x); for(int j=0;j<512;j++) l1x[j]=0; make_ro(l1x);
    BENCH(34,"pin_unpin_L1_empty",20,1, ({ mo.cmd=MMUEXT_PIN_L1_TABLE; mo.arg1.mfn=va2mfn(l1x); CK(HC(mmuext_op,&mo,1,0,DOMID_SELF)); mo.cmd=MMUEXT_UNPIN_TABLE; CK(HC(mmuext_op,&mo,1,0,DOMID_SELF)); }));
    make_rw(l1x);
    /* kernel page fault bounce: unmapped va */
    CK(HC(update_va_mapping,arena[9],0,UVMF_INVLPG|UVMF_LOCAL));
    BENCH(35,"kernel_pf_bounce_iret",2000,1, asm volatile(".byte 0x48,0x8b,0x07"::"D"(arena[9]):"rax","memory"));
    pf("pf_count %u\n",(u64)pf_count);
    CK(HC(update_va_mapping,arena[9],orig[9],UVMF_INVLPG|UVMF_LOCAL));
    BENCH(36,"emul_mov_cr0_read",1000,1, ({u64 x; asm volatile("mov %%cr0,%0":"=r"(x));}));
    BENCH(37,"emul_rdmsr",1000,1, ({u32 a,d; asm volatile("rdmsr":"=a"(a),"=d"(d):"c"(0x277));}));
    /* events: bind ipi on self */
    struct evtchn_bind_ipi bi={.vcpu=0}; CK(HC(event_channel_op,EVTCHNOP_bind_ipi,&bi)); ev_word=bi.port>>6; struct evtchn_send es={.port=bi.port};
    struct evtchn_unmask um={.port=bi.port}; CK(HC(event_channel_op,EVTCHNOP_unmask,&um));
    BENCH(50,"evtchn_send_self_masked(pending)",2000,1, HC(event_channel_op,EVTCHNOP_send,&es));
    BENCH(51,"evtchn_send_self_masked_clear",2000,1, (HC(event_channel_op,EVTCHNOP_send,&es), ev_clear(bi.port), sh->vcpu_info[0].evtchn_upcall_pending=0, sh->vcpu_info[0].evtchn_pending_sel=0));
    sh->vcpu_info[0].evtchn_upcall_mask=0;
    u32 c0=ev_count;
    BENCH(52,"evtchn_send_self_upcall_iret",2000,1, HC(event_channel_op,EVTCHNOP_send,&es));
    pf("ev_count %u\n",(u64)(ev_count-c0));
    sh->vcpu_info[0].evtchn_upcall_mask=1;
    BENCH(53,"set_timer_op",2000,1, HC(set_timer_op, 1ul<<60));
    /* user mode */
    for(unsigned i=0;i<(u64)(user_blob_end-user_blob);i++) ucode[i]=user_blob[i];
    u64 U=7; ul1[0]=va2mfn(ucode)<<12|5; ul1[1]=va2mfn(ustack)<<12|U|(1ul<<63); ul2[2]=va2mfn(ul1)<<12|U; ul3[0]=va2mfn(ul2)<<12|U; ul4[0]=va2mfn(ul3)<<12|U; u2l4[0]=ul4[0];
    u64 *kl4=(u64*)si->pt_base; for(int i=0;i<512;i++) kl4b[i]=(i>=256&&i<272)?0:kl4[i];
    make_ro(ucode); make_ro(ul1); make_ro(ul2); make_ro(ul3); make_ro(ul4); make_ro(u2l4); make_ro(kl4b);
    void *tb[]={ul4,u2l4,kl4b}; for(int i=0;i<3;i++){ mo.cmd=MMUEXT_PIN_L4_TABLE; mo.arg1.mfn=va2mfn(tb[i]); CK(HC(mmuext_op,&mo,1,0,DOMID_SELF)); }
    mo.cmd=MMUEXT_NEW_USER_BASEPTR; mo.arg1.mfn=va2mfn(ul4); CK(HC(mmuext_op,&mo,1,0,DOMID_SELF));
    CK(HC(stack_switch,0,kstack2_top));
    pf("entering user\n");
    enter_user(0x400000,0x402000,0);
    pf("back from user, pf_count %u\n",(u64)pf_count);
    /* process switch: new_baseptr + new_user_baseptr */
    struct mmuext_op m2[2]; u64 km=va2mfn(kl4), kb=va2mfn(kl4b), um1=va2mfn(ul4), um2=va2mfn(u2l4);
    BENCH(60,"new_baseptr",1000,1, ({ mo.cmd=MMUEXT_NEW_BASEPTR; mo.arg1.mfn=(i&1)?km:kb; HC(mmuext_op,&mo,1,0,DOMID_SELF); }));
    BENCH(61,"new_user_baseptr",1000,1, ({ mo.cmd=MMUEXT_NEW_USER_BASEPTR; mo.arg1.mfn=(i&1)?um1:um2; HC(mmuext_op,&mo,1,0,DOMID_SELF); }));
    BENCH(62,"procswitch_linux_mc(stack+2 baseptr)",1000,1, ({
        m2[0].cmd=MMUEXT_NEW_BASEPTR; m2[0].arg1.mfn=(i&1)?km:kb; m2[1].cmd=MMUEXT_NEW_USER_BASEPTR; m2[1].arg1.mfn=(i&1)?um1:um2;
        mc[0].op=__HYPERVISOR_stack_switch; mc[0].args[0]=0; mc[0].args[1]=(u64)kstack2_top;
        mc[1].op=__HYPERVISOR_mmuext_op; mc[1].args[0]=(u64)&m2[0]; mc[1].args[1]=1; mc[1].args[2]=0; mc[1].args[3]=DOMID_SELF;
        mc[2].op=__HYPERVISOR_mmuext_op; mc[2].args[0]=(u64)&m2[1]; mc[2].args[1]=1; mc[2].args[2]=0; mc[2].args[3]=DOMID_SELF;
        HC(multicall,mc,3); }));
    mo.cmd=MMUEXT_NEW_BASEPTR; mo.arg1.mfn=km; CK(HC(mmuext_op,&mo,1,0,DOMID_SELF));
    /* grants to self (loopback) */
    struct gnttab_setup_table gs={.dom=DOMID_SELF,.nr_frames=1}; xen_pfn_t fr[4]; set_xen_guest_handle(gs.frame_list,fr);
    CK(HC(grant_table_op,GNTTABOP_setup_table,&gs,1)); 
    if(gs.status==0){
        CK(HC(update_va_mapping,gnt_va,fr[0]<<12|3,UVMF_INVLPG|UVMF_LOCAL)); grant_entry_v1_t *ge=(void*)gnt_va;
        for(int i=8;i<64;i++){ ge[i].domid=0; ge[i].frame=va2mfn(arena[i]); ge[i].flags=GTF_permit_access; }
        static struct gnttab_map_grant_ref mg[32]; static struct gnttab_unmap_grant_ref ug[32]; static struct gnttab_copy gc[32];
        for(int i=0;i<32;i++) CK(HC(update_va_mapping,arena[400+i],0,UVMF_INVLPG|UVMF_LOCAL));
#define GM(k) ({ for(int j=0;j<(k);j++){ mg[j].host_addr=(u64)arena[400+j]; mg[j].flags=GNTMAP_host_map; mg[j].ref=8+j; mg[j].dom=0; } HC(grant_table_op,GNTTABOP_map_grant_ref,mg,k); \
        for(int j=0;j<(k);j++){ ug[j].host_addr=(u64)arena[400+j]; ug[j].dev_bus_addr=0; ug[j].handle=mg[j].handle; } HC(grant_table_op,GNTTABOP_unmap_grant_ref,ug,k); })
        BENCH(70,"gnt_map+unmap_b1",1000,1, GM(1)); pf("map st %d unmap st %d\n",(long)mg[0].status,(long)ug[0].status);
        BENCH(71,"gnt_map+unmap_b32",100,32, GM(32)); pf("map st %d unmap st %d\n",(long)mg[31].status,(long)ug[31].status);
#define GC(k,ln) ({ for(int j=0;j<(k);j++){ gc[j].source.u.ref=8+j; gc[j].source.domid=0; gc[j].source.offset=0; gc[j].dest.u.gmfn=((u64)arena[100+j]-VB)>>12; gc[j].dest.domid=DOMID_SELF; gc[j].dest.offset=0; gc[j].len=ln; gc[j].flags=GNTCOPY_source_gref; gc[j].dest.u.gmfn=va2mfn(arena[100+j]); } HC(grant_table_op,GNTTABOP_copy,gc,k); })
        BENCH(72,"gnt_copy_b1_64B",1000,1, GC(1,64)); pf("copy st %d\n",(long)gc[0].status);
        BENCH(73,"gnt_copy_b32_64B",100,32, GC(32,64));
        BENCH(74,"gnt_copy_b1_4096B",1000,1, GC(1,4096));
        BENCH(75,"gnt_copy_b32_4096B",100,32, GC(32,4096)); pf("copy st %d\n",(long)gc[31].status);
    } else pf("gnttab setup status %d\n",(long)gs.status);
    /* vcpu switch ping-pong: 2 vcpus on one pcpu (boot with dom0_max_vcpus=2 and maxcpus=1) */
    struct evtchn_bind_ipi b0={.vcpu=0}, b1={.vcpu=1};
    if(HC(event_channel_op,EVTCHNOP_bind_ipi,&b0)==0 && HC(event_channel_op,EVTCHNOP_bind_ipi,&b1)==0){
        port_a=b0.port; port_b=b1.port; static u8 st1[8192] __attribute__((aligned(16))); vcpu1_sp=(u64)st1+8192;
        static vcpu_guest_context_t c; c.flags=VGCF_in_kernel; c.user_regs.rip=(u64)vcpu1_start; c.user_regs.cs=0xe033; c.user_regs.ss=0xe02b; c.user_regs.ds=c.user_regs.es=0; c.user_regs.rsp=vcpu1_sp; c.user_regs.rflags=0x202;
        c.kernel_ss=0xe02b; c.kernel_sp=vcpu1_sp; c.ctrlreg[3]=km<<12; c.event_callback_eip=(u64)event_entry; c.failsafe_callback_eip=(u64)failsafe_entry; c.syscall_callback_eip=(u64)syscall_entry;
        long r=HC(vcpu_op,VCPUOP_initialise,1,&c); long r2=HC(vcpu_op,VCPUOP_up,1,0); pf("vcpu1 init %d up %d\n",r,r2);
        if(!r && !r2){ evtchn_port_t pt=port_a; struct sched_poll sp={.nr_ports=1,.timeout=0}; set_xen_guest_handle(sp.ports,&pt); struct evtchn_send e1={.port=port_b};
            BENCH(80,"vcpu_pingpong_roundtrip(2 switches)",1000,1, ({ HC(event_channel_op,EVTCHNOP_send,&e1); HC(sched_op,SCHEDOP_poll,&sp); ev_clear(port_a); })); }
    } else pf("no vcpu1\n");
    pf("pvbench done\n");
    struct sched_shutdown sd={SHUTDOWN_reboot}; HC(sched_op, SCHEDOP_shutdown, &sd); for(;;);
}
