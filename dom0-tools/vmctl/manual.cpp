// SPDX-License-Identifier: MIT
//
// See manual.hpp: the texts.
#include "vmctl/manual.hpp"
#include "libparapet/config.hpp"
#include <map>

namespace vmctl {
namespace {

const std::map<std::string, const char*> texts{
    {"create", "Builds and starts the domain that FILE describes, and says how long each step took. Settings on the "
               "command line replace the file's; text needs no quotes there, and a number is taken as text where the "
               "setting is text. parapet-lifed acts on the domain's end, as on_poweroff, on_reboot, on_crash and "
               "on_watchdog say, also for a domain that was created before it was started. A create that fails leaves "
               "nothing behind, and what domain 0 gave for it goes back, if it was killed with the next create."},
    {"check", "Finds every mistake that can be found without a hypervisor. Creates nothing."},
    {"list", "Name, number, memory, virtual CPUs, state and CPU time of every domain."},
    {"info", "The machine, the hypervisor, and its counters."},
    {"console", "Attaches to the domain's console. Ctrl-] leaves."},
    {"shutdown", "Asks the guest, or all of them, to power off. With --wait it returns once the domain is down, and "
                 "gone if parapet-lifed takes it away; a guest that does not follow in time is left as it is, unless "
                 "--force destroys it."},
    {"reboot", "Asks the guest to reboot. With --wait it returns once parapet-lifed has started it again, and says "
               "which number it has; it fails when on_reboot says that it is not."},
    {"destroy", "Ends the domain at once. It is not started again."},
    {"rename", "Gives the domain another name, which it keeps when it is started again. Its console's log has the old "
               "name until then."},
    {"mem-set", "Asks the guest's balloon driver to have so much memory, at most what maxmem says, and lets the domain "
                "have no more. Domain 0 gives memory when there is too little. With --wait it returns once the guest "
                "has followed. A guest that is left too little kills processes of its own."},
    {"mem-max", "Says how much memory the domain may have at most, not less than it shall have now."},
    {"events", "What happened to domains: created, shutdown (with the reason), crashed, destroyed, and what "
               "parapet-lifed did. With --follow it shows what happens from now on until it is interrupted, and needs "
               "no parapet-lifed. One line an event; with --json, one object a line."},
    {"why", "How a domain ended. Of a crash: the registers of its virtual CPUs, its stack, its last hypercalls and the "
            "last lines of its console, also when the domain is gone or was started again."},
    {"autostart",
     "Creates the domain of every file *.cfg in DIR, in the order of their names, one or --jobs at a time. "
     "One that is running already is left alone; one that cannot be created does not keep the others from "
     "being tried, and is told by the exit status. The unit parapet-autostart.service does so with "
     "/etc/parapet/auto at boot."},
    {"pause", "Stops the domain's CPUs."},
    {"unpause", "Lets the domain's CPUs run."},
    {"dmesg", "The hypervisor's log."},
    {"audit", "Has the hypervisor recount all references to all frames. Fails if it finds an error."},
    {"vcpu-list", "Every virtual CPU: where it is, its state and CPU time, where it may run and where it should."},
    {"vcpu-pin", "Says where a virtual CPU (or all) may run and where it should: lists such as 0,2-3, or all."},
    {"vcpu-set", "Has the domain use COUNT of its virtual CPUs (1 to maxvcpus). The guest is asked through xenstore, "
                 "and fails to follow if its user space does not start added CPUs "
                 "(/sys/devices/system/cpu/cpuN/online)."},
    {"vcpu-context", "The registers of a virtual CPU, which stops for the moment that it takes to read them."},
    {"sched", "Shows or changes a domain's part of the CPUs: its weight beside other domains' (1 to 65535), and the "
              "most it gets, in percent of one CPU (0: no cap)."},
    {"top", "What every virtual CPU did in each interval: time running, ready and blocked, events taken, page-table "
            "updates."},
    {"locks", "How often the hypervisor's locks were waited for."},
    {"disk-attach",
     "Gives the domain disks: TARGET,FORMAT,DISK,ACCESS, or key=value, or both, as in /srv/a.img,raw,xvdb,w or "
     "\"access=r vdev=xvdb target=/dev/vg/a\". A domain that reboots keeps them; one that is created anew has what its "
     "configuration says. The target is a raw image, which gets a loop device for as long as it is attached, a qcow2 "
     "image (format qcow2), which qemu-nbd of qemu-utils serves then (modprobe nbd max_part=0), or a block device. "
     "The disk is xvda to xvdzz..., sda to sdp or hda to hdd, or a partition of such a "
     "name. The access is w (or rw) or r (or ro). An image or device that another domain, a loop device or a mounted "
     "file system of domain 0 uses is refused, unless both only read, or with w! or r!, which trusts that the guests "
     "know of each other. discard, no-discard and direct-io-safe are known; other formats, scripts, CD-ROM "
     "drives and other backends than domain 0's kernel are refused."},
    {"disk-detach", "Asks the guest to let go of a disk, waits for that, and removes it; --force does not ask. A guest "
                    "with Linux 5.14 or later lets go of a disk that it still has mounted."},
    {"disk-list", "Disks, and how far the guest and the backend are with them."},
    {"net-attach",
     "Gives the domain a network interface: bridge (else xenbr0, or the only one there is), mac (else a random one of "
     "00:16:3e), vifname (else vifDOMAIN.NUMBER), rate (10Mb/s, 1MB/s@20ms: what the guest may send), ip (recorded "
     "only). model does not matter; of scripts, vif-bridge says what is done anyway, without it, and others are "
     "refused."},
    {"net-detach", "As disk-detach; the interface is named by its number, MAC address or device in domain 0."},
    {"net-list", "Network interfaces, and how far the guest and the backend are with them."},
};

} // namespace

std::string explanation(const std::string& verb)
{
    const auto found = texts.find(verb);
    return found == texts.end() ? "" : found->second;
}

Exit exit_status(const std::exception& error)
{
    const auto* const ours = dynamic_cast<const parapet::Error*>(&error);
    if (ours == nullptr) return Exit::failed;
    switch (ours->code()) {
    case 0: return Exit::refused; // found by our own checks, before anything was done
    case ENOENT:
    case ESRCH: return Exit::not_found;
    case ETIMEDOUT: return Exit::timeout;
    default: return Exit::failed;
    }
}

} // namespace vmctl
