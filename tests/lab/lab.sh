#!/bin/bash
# lab.sh - boot a Debian kernel in QEMU (TCG) with an emulated IOMMU, SR-IOV
# NICs, USB, NVMe ... and run one command in it as root.
#
#   lab.sh [-t SECONDS] [-v] [-C DIR] [--cold] [--systemd] -- COMMAND [ARG...]
#                             --systemd: systemd is process 1, and the command a service
#   lab.sh --build            only download / unpack / make the initramfs
#   lab.sh --snapshot         only make the warm-start snapshot
#   lab.sh --extra            also compile mtty, mdpy, mbochs (mediated devices)
#                             and netdevsim, which Debian does not ship, once:
#                             after it, `modprobe mtty` works in the lab
#
# The first run boots (about 9-15 s of TCG) and saves the booted machine just
# before it mounts 9p; later runs restore that and start the command in 2 s.
# --cold boots afresh (as LAB_QEMU and LAB_APPEND make it do).
#
# The command sees the host's own root file system (read-only 9p below an
# overlay on tmpfs: it may write anywhere, nothing reaches the host), so any
# host binary runs unchanged.  Results come back through stdout, which is
# binary-safe.  stdout and stderr of the command come out on stdout and stderr;
# the exit status is the command's, or 124 (time limit), 125 (the lab broke).
#
# Environment:
#   LAB_DIR      cache (default: ~/.cache/virt-lab)
#   LAB_MEM      guest memory in MiB (2048)   LAB_SMP  vCPUs (2)
#   LAB_CPU      -cpu
#   LAB_KVER     kernel version (default: what Debian's linux-image-amd64 depends on)
#   LAB_MODULES  modules loaded before the command
#   LAB_QEMU     more qemu arguments (cold boots only: no snapshot)
#   LAB_APPEND   more kernel arguments (cold boots only)
set -u -o pipefail

LAB_DIR=${LAB_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/virt-lab}
# The newest linux-image-amd64 that apt knows names the kernel package.
newest_kernel() {
    apt-cache show linux-image-amd64 2>/dev/null |
        sed -n 's/^Depends:.*linux-image-\([0-9][^ ,]*\).*/\1/p' | sort -V | tail -n 1
}
LAB_KVER=${LAB_KVER:-$(newest_kernel)}
LAB_MEM=${LAB_MEM:-2048}
LAB_SMP=${LAB_SMP:-2}
LAB_CPU=${LAB_CPU:-max,-la57,-pcid,vendor=AuthenticAMD}
LAB_ACCEL=${LAB_ACCEL:-tcg,thread=multi,tb-size=256}
LAB_MODULES=${LAB_MODULES:-}
LAB_QEMU=${LAB_QEMU:-}
LAB_APPEND=${LAB_APPEND:-}

ktree=$LAB_DIR/k-$LAB_KVER             # the unpacked kernel package
# By what this script says: checkouts that differ do not undo each other's.
initrd=$LAB_DIR/initrd-$LAB_KVER-$(sha256sum < "$0" | cut -c1-12).img
vmlinux=$LAB_DIR/vmlinux-$LAB_KVER     # uncompressed: booted through PVH
# Modules (and what they depend on) in the initramfs, loaded before the snapshot.
early="virtio_pci virtio_console virtio_rng 9pnet_virtio 9p overlay igb igbvf vfio-pci xhci-pci ehci-pci usb-storage usbhid nvme virtio_scsi sd_mod virtio_net"

die() { echo "lab.sh: $*" >&2; exit 125; }

# ---------------------------------------------------------------- build ---
build() {
    [ -s "$initrd" ] && [ -s "$vmlinux" ] && return 0
    mkdir -p "$LAB_DIR"
    # What nobody used for a month.
    find "$LAB_DIR" -maxdepth 1 -type f '(' -name 'initrd-*' -o -name 'snap-*' ')' -mtime +30 -delete
    if [ ! -e "$ktree/.done" ]; then
        local d; d=$(mktemp -d "$LAB_DIR/dl.XXXXXX") || die "mktemp"
        # Nothing is installed: the packages are only unpacked.  kmod, because
        # the host has neither modprobe nor depmod.
        (cd "$d" && apt-get -q download "linux-image-$LAB_KVER" kmod busybox-static \
            >apt.log 2>&1) || { cat "$d/apt.log" >&2; die "apt-get download"; }
        rm -rf "$ktree"; mkdir -p "$ktree"
        for p in "$d"/*.deb; do dpkg -x "$p" "$ktree" || die "dpkg -x $p"; done
        rm -rf "$d"
        # 6.12 ships .ko.xz; xz under TCG is slow, so unpack them here, once.
        find "$ktree/lib/modules" -name '*.ko.xz' -print0 |
            xargs -0 -r -P2 -n200 xz -d || die "xz"
        ln -sf kmod "$ktree/bin/depmod"
        "$ktree/bin/depmod" -b "$ktree" "$LAB_KVER" 2>/dev/null || die "depmod"
        touch "$ktree/.done"
    fi
    # vmlinuz -> vmlinux (skips the in-guest decompressor and real-mode setup)
    python3 - "$ktree/boot/vmlinuz-$LAB_KVER" "$vmlinux.tmp" <<'PY' || die "vmlinux"
import subprocess, sys
d = open(sys.argv[1], 'rb').read()
for magic, cmd in ((b'\x28\xb5\x2f\xfd', 'zstd'), (b'\xfd7zXZ\0', 'xz'), (b'\x1f\x8b\x08', 'gzip')):
    at = d.find(magic)
    while at >= 0:
        out = subprocess.run([cmd, '-dcq'], input=d[at:], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL).stdout
        if out[:4] == b'\x7fELF':
            open(sys.argv[2], 'wb').write(out); sys.exit(0)
        at = d.find(magic, at + 1)
sys.exit('no kernel image found inside')
PY
    mv "$vmlinux.tmp" "$vmlinux"
    # The initramfs: busybox, five modules and /init.
    local r; r=$(mktemp -d "$LAB_DIR/ird.XXXXXX") || die "mktemp"
    mkdir -p "$r"/{bin,mod,proc,sys,dev,ro,rw,new,run}
    cp "$ktree/bin/busybox" "$r/bin/"
    ln -sf kmod "$ktree/bin/modprobe"; ln -sf kmod "$ktree/bin/depmod"
    "$ktree/bin/modprobe" -a -d "$ktree" -S "$LAB_KVER" --show-depends $early |
        awk '$1 == "insmod" && !seen[$2]++ { print $2 }' > "$r/mod/files" || die "modprobe --show-depends"
    xargs -a "$r/mod/files" cp -t "$r/mod"
    sed 's,.*/,,' "$r/mod/files" > "$r/mod/order"
    init_script > "$r/init"; chmod 755 "$r/init"
    (cd "$r" && find . | cpio -o -H newc --quiet) > "$initrd.tmp" || die "cpio"
    mv "$initrd.tmp" "$initrd"; rm -rf "$r"
}

# Modules Debian does not ship, built against its headers (unpacked, not
# installed) from the kernel source package.
extra() {
    local x=$LAB_DIR/extra-$LAB_KVER d p done=$ktree/lib/modules/$LAB_KVER/updates/.done
    [ -e "$done" ] && return 0
    for p in make gcc; do command -v $p >/dev/null || die "there is no $p to compile modules with"; done
    d=$(mktemp -d "$LAB_DIR/dl.XXXXXX") || die "mktemp"
    local series=${LAB_KVER%%.*}.$(cut -d. -f2 <<<"$LAB_KVER") abi=${LAB_KVER%-amd64}
    (cd "$d" && apt-get -q download "linux-headers-$LAB_KVER" "linux-headers-$abi-common" \
        "linux-kbuild-$abi" "linux-source-$series" >apt.log 2>&1) || { cat "$d/apt.log" >&2; die "apt-get download"; }
    for p in "$d"/linux-headers*.deb "$d"/linux-kbuild*.deb; do dpkg -x "$p" "$d/hdr"; done
    mkdir -p "$d/src" "$x"
    dpkg --fsys-tarfile "$d"/linux-source-*.deb | tar -xO "./usr/src/linux-source-$series.tar.xz" | xz -dc |
        tar -x -C "$d/src" --wildcards '*/samples/vfio-mdev/*' '*/drivers/net/netdevsim/*'
    local h=$d/hdr/usr/src/linux-headers-$LAB_KVER
    echo "include $d/hdr/usr/src/linux-headers-$abi-common/Makefile" > "$h/Makefile"
    cp "$d"/src/*/samples/vfio-mdev/*.[ch] "$x/"; cp -r "$d"/src/*/drivers/net/netdevsim "$x/"
    echo 'obj-m := mtty.o mdpy.o mbochs.o netdevsim/' > "$x/Makefile"
    sed -i 's/obj-$(CONFIG_NETDEVSIM)/obj-m/' "$x/netdevsim/Makefile"
    # no pahole here: without BTF
    make -j2 -C "$h" M="$x" CONFIG_DEBUG_INFO_BTF_MODULES= modules >"$x/build.log" 2>&1 ||
        { tail "$x/build.log" >&2; die "make"; }
    mkdir -p "$ktree/lib/modules/$LAB_KVER/updates"
    strip --strip-debug -- "$x"/*.ko "$x"/netdevsim/*.ko
    cp "$x"/*.ko "$x"/netdevsim/*.ko "$ktree/lib/modules/$LAB_KVER/updates/"
    "$ktree/bin/depmod" -b "$ktree" "$LAB_KVER" 2>/dev/null || die "depmod"
    touch "$done"
    rm -rf "$d"
}

# PID 1 in the lab.
init_script() { cat <<'INIT'
#!/bin/busybox sh
# (busybox-static of Debian prefers its own applets: no PATH needed)
B=/bin/busybox
export PATH=/bin
$B --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
mark() { read -r up _ < /proc/uptime; echo "lab: $up $*" > /dev/console; }
mark init
for m in $(cat /mod/order); do insmod /mod/$m; done
mark modules
port() { for p in /sys/class/virtio-ports/*; do
    [ "$(cat $p/name)" = "$1" ] && { echo /dev/${p##*/}; return; }; done; }
CTL=$(port lab.ctl)
exec 5<>$CTL; 
# Warm start: say so, and wait.  The snapshot is taken while read blocks here
# (nothing of 9p is mounted yet: a mounted 9p export forbids migration).
if grep -q lab.snapshot /proc/cmdline; then
    sync; echo 3 > /proc/sys/vm/drop_caches
    sleep 1; echo ready >&5; read -r go <&5; mark restored
fi
O=msize=1048576,trans=virtio,version=9p2000.L
mount -t 9p -o ro,cache=loose,$O root /ro || echo "no 9p root"
mount -t 9p -o rw,cache=none,$O run /run || echo "no 9p run"
. /run/env
mount -t tmpfs -o size=75% tmpfs /rw
mkdir -p /rw/up/usr/sbin /rw/up/usr/bin /rw/work
cp "/ro$KTREE/bin/kmod" /rw/up/usr/bin/kmod
for l in modprobe insmod rmmod lsmod modinfo depmod; do ln -s ../bin/kmod /rw/up/usr/sbin/$l; done
mount -t overlay -o lowerdir=/ro,upperdir=/rw/up,workdir=/rw/work overlay /new
cd /new
mkdir -p lab lib/modules
for d in proc sys dev; do mount -o move /$d /new/$d; done
mount --bind "/ro$KTREE/lib/modules" lib/modules
mount --bind /run lab
mkdir -p dev/pts dev/shm
mount -t devpts -o mode=620,ptmxmode=666 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t tmpfs -o mode=755 tmpfs run; mkdir run/lock
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t debugfs debugfs sys/kernel/debug
mount -t securityfs securityfs sys/kernel/security
ln -sf /proc/self/fd dev/fd; ln -sf fd/0 dev/stdin; ln -sf fd/1 dev/stdout; ln -sf fd/2 dev/stderr
hostname lab; ip link set lo up
[ -n "$EPOCH" ] && date -s "@$EPOCH" >/dev/null
port() { for p in /new/sys/class/virtio-ports/*; do
    [ "$(cat $p/name)" = "$1" ] && { echo /dev/${p##*/}; return; }; done; }
cat > /new/run/lab-command <<IN
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root USER=root TERM=dumb LAB=1
. /lab/env
for m in \$MODULES; do modprobe \$m || echo "lab: modprobe \$m failed" >&2; done
read -r up _ < /proc/uptime; echo "lab: \$up command" > /dev/console
(cd "\$CWD" 2>/dev/null; exec /bin/bash /lab/cmd </dev/null >$(port lab.out) 2>$(port lab.err) 5<&-)
rc=\$?
read -r up _ < /proc/uptime; echo "lab: \$up exit \$rc" > /dev/console
echo \$rc > /lab/rc
echo done >&5                       # the host kills qemu now
sleep 60
IN
# With systemd as init, the command is the only service; nothing of the host's own units starts.
mkdir -p /new/run/systemd/system
cat > /new/run/systemd/system/lab.service <<IN
[Unit]
DefaultDependencies=no
[Service]
ExecStart=/bin/bash -c 'exec 5>$CTL; . /run/lab-command'
StandardOutput=null
StandardError=null
IN
cat > /new/run/systemd/system/lab.target <<IN
[Unit]
DefaultDependencies=no
Wants=lab.service
IN
cat > /new/run/lab-init <<IN
. /lab/env
if [ -n "\$SYSTEMD" ]; then
    exec 5>&-
    exec /lib/systemd/systemd --unit=lab.target --log-level=warning
fi
. /run/lab-command
IN
# PID 1 itself must change its root: kernel threads share it, and with it the
# kernel finds /sbin/modprobe when it wants a module by itself.
# (A plain chroot would not do either: a chrooted process cannot make user
# namespaces.)
exec switch_root /new /bin/bash /run/lab-init
INIT
}

# ---------------------------------------------------------------- devices ---
# The order matters: intel-iommu must come before every PCI device.
devices() {
    local d=$1
    # small sparse images, private to the run
    local i; [ -d "$d" ] && for i in nvme0 nvme1 usb0 usb1 scsi0; do truncate -s 64M "$d/$i.img"; done
    cat <<D
-machine q35,kernel-irqchip=split
-device intel-iommu,intremap=on,caching-mode=on
-device pcie-root-port,id=rp1,chassis=1,slot=1
-device pcie-root-port,id=rp2,chassis=2,slot=2
-device pcie-root-port,id=rp3,chassis=3,slot=3
-device pcie-root-port,id=rp4,chassis=4,slot=4
-device pcie-root-port,id=rp5,chassis=5,slot=5
-netdev user,id=n1,restrict=on
-device igb,id=pf1,bus=rp1,netdev=n1,mac=52:54:00:69:67:01
-netdev user,id=n2,restrict=on
-device igb,id=pf2,bus=rp2,netdev=n2,mac=52:54:00:69:67:02
-drive if=none,id=nvme0,format=raw,file=$d/nvme0.img
-drive if=none,id=nvme1,format=raw,file=$d/nvme1.img
-device qemu-xhci,id=xhci
-drive if=none,id=usb0,format=raw,file=$d/usb0.img
-device usb-storage,bus=xhci.0,port=1,drive=usb0,serial=LABUSB0
-device usb-tablet,bus=xhci.0,port=2
-device usb-hub,bus=xhci.0,port=3
-device usb-kbd,bus=xhci.0,port=3.1
-device usb-kbd,bus=xhci.0,port=3.2
-device usb-ehci,id=ehci
-drive if=none,id=usb1,format=raw,file=$d/usb1.img
-device usb-storage,bus=ehci.0,port=1,drive=usb1,serial=LABUSB1
-device virtio-scsi-pci,id=scsi
-drive if=none,id=scsi0,format=raw,file=$d/scsi0.img
-device scsi-hd,bus=scsi.0,drive=scsi0,serial=LABSCSI0,wwn=0x5000c50015ea71ac
D
}

# Devices qemu cannot migrate: on the command line of a cold boot, hot-added
# after a warm start.
hot_devices() { cat <<D
nvme,id=nv0,bus=rp3,drive=nvme0,serial=LABNVME0
nvme,id=nv1,bus=rp4,drive=nvme1,serial=LABNVME1
edu,id=edu0,bus=rp5
D
}

# qemu_args DIR: fills the array Q
qemu_args() {
    local d=$1
    Q=(-accel "$LAB_ACCEL" -cpu "$LAB_CPU" -smp "$LAB_SMP" -m "$LAB_MEM" -nodefaults -no-user-config
       -display none -no-reboot -rtc base=utc
       -chardev "file,id=con,path=$d/console.log" -serial chardev:con)
    local l; while read -r l; do [ -n "$l" ] && Q+=($l); done < <(devices "$d")
    Q+=(-kernel "$vmlinux" -initrd "$initrd"
        -append "console=ttyS0 quiet loglevel=4 panic=-1 mitigations=off nokaslr intel_iommu=on iommu=pt \
audit=0 tsc=reliable no_timer_check noreplace-smp random.trust_cpu=on rcupdate.rcu_expedited=1 cryptomgr.notests ${LAB_APPEND}")
    Q+=(-device virtio-serial-pci,id=vs
        -chardev "pipe,id=ctl,path=$d/ctl" -device virtserialport,chardev=ctl,name=lab.ctl
        -chardev "pipe,id=mon,path=$d/mon" -mon chardev=mon,mode=readline
        -chardev "file,id=out,path=$d/out.fifo" -device virtserialport,chardev=out,name=lab.out
        -chardev "file,id=err,path=$d/err.fifo" -device virtserialport,chardev=err,name=lab.err
        -fsdev "local,id=root,path=/,security_model=passthrough,readonly=on,multidevs=remap"
        -device virtio-9p-pci,fsdev=root,mount_tag=root
        -fsdev "local,id=run,path=$d/lab,security_model=passthrough,multidevs=remap"
        -device virtio-9p-pci,fsdev=run,mount_tag=run)
}

# ------------------------------------------------------------------- main ---
limit=300; verbose=0; cold=0; systemd=; cwd=$PWD; mode=run
while [ $# -gt 0 ]; do
    case $1 in
    -t) limit=$2; shift 2;;
    -v) verbose=1; shift;;
    -C) cwd=$2; shift 2;;
    --build) mode=build; shift;;
    --extra) mode=extra; shift;;
    --snapshot) mode=snapshot; shift;;
    --cold) cold=1; shift;;
    --systemd) systemd=1; shift;;
    --) shift; break;;
    -*) die "unknown option $1";;
    *) break;;
    esac
done
mkdir -p "$LAB_DIR"
# One builder at a time (runs themselves may go in parallel).
exec 8>"$LAB_DIR/.lock"; flock 8
build
[ $mode = extra ] && { extra; exit 0; }
[ $mode = build ] && exit 0

# A snapshot is only good for the same qemu, kernel, initramfs and flags.
qemu_args /nonexistent 2>/dev/null
key=$(printf '%s\n' "${Q[@]}" "$LAB_MODULES" "$(qemu-system-x86_64 --version | head -1)" \
    "$(stat -c %s "$initrd" "$vmlinux")" | sha256sum | cut -c1-16)
snap=$LAB_DIR/snap-$key
[ -n "$LAB_QEMU$LAB_APPEND" ] && cold=1

d=$(mktemp -d "${TMPDIR:-/tmp}/lab.XXXXXX") || die "mktemp"
qpid=; wpid=
cleanup() {
    [ -n "$qpid" ] && kill -9 "$qpid" 2>/dev/null
    [ -n "$wpid" ] && kill "$wpid" 2>/dev/null
    rm -rf "$d"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
mkdir "$d/lab"
mkfifo "$d"/{out.fifo,err.fifo,ctl.in,ctl.out,mon.in,mon.out}

# start QEMU-ARGS...: run qemu in the background, killed after $limit seconds
start() {
    qemu_args "$d"
    qemu-system-x86_64 "${Q[@]}" $LAB_QEMU "$@" </dev/null >"$d/qemu.log" 2>&1 &
    qpid=$!
    ( trap 'kill $!; exit' TERM; sleep "$limit" & wait $!; : > "$d/timeout"; kill -9 $qpid ) 2>/dev/null & wpid=$!
}

# Boot as far as /init can go without 9p, and save the machine to a file.
snapshot() {
    cat "$d/out.fifo" >/dev/null & local c=$!
    cat "$d/err.fifo" >/dev/null & c="$c $!"
    LAB_APPEND=" lab.snapshot lab.modules=${LAB_MODULES// /,}" start
    local ok
    exec 7<>"$d/ctl.out"
    read -r -t "$limit" ok <&7 || { tail -n 30 "$d/console.log" "$d/qemu.log" >&2; die "no snapshot: the lab did not come up"; }
    exec 7<&-
    cat "$d/mon.out" > "$d/mon.log" & local c2=$!
    printf 'stop\nmigrate_set_capability mapped-ram on\nmigrate file:%s.tmp\ninfo migrate\nquit\n' "$snap" > "$d/mon.in"
    wait $qpid; qpid=; kill "$wpid" $c $c2 2>/dev/null
    grep -q 'Status: completed\|Migration status: completed' "$d/mon.log" || { grep -av $'\e' "$d/mon.log" >&2; cat "$d/qemu.log" >&2; die "no snapshot: migrate failed"; }
    mv "$snap.tmp" "$snap"
}
if [ $cold = 0 ] && [ ! -s "$snap" ]; then snapshot || exit 125; fi
[ $cold = 0 ] && touch "$snap" "$initrd"
flock -u 8; exec 8>&-
[ $mode = snapshot ] && exit 0

[ $# -gt 0 ] || die "no command"
# One argument is a shell line; several are a command and its arguments.
if [ $# -eq 1 ]; then printf '%s\n' "$1" > "$d/lab/cmd"
else { printf 'exec'; printf ' %q' "$@"; echo; } > "$d/lab/cmd"; fi
printf 'KTREE=%q\nCWD=%q\nMODULES=%q\nEPOCH=%s\nSYSTEMD=%s\n' \
    "$ktree" "$cwd" "$LAB_MODULES" "$(date +%s)" "$systemd" > "$d/lab/env"

cat "$d/out.fifo" & c1=$!
cat "$d/err.fifo" >&2 & c2=$!
cat "$d/mon.out" > "$d/mon.log" & c3=$!
if [ $cold = 1 ]; then
    hot=(); while read -r l; do hot+=(-device "$l"); done < <(hot_devices)
    start "${hot[@]}"
else
    # "go" waits in the pipe until qemu has loaded the machine
    start -incoming defer
    printf 'migrate_set_capability mapped-ram on\nmigrate_incoming file:%s\n%s\ncont\n' "$snap" \
        "$(hot_devices | sed 's/^/device_add /')" > "$d/mon.in"
    echo go > "$d/ctl.in"
fi
# What the command wrote has left qemu by the time "done" comes.
{ read -r _ < "$d/ctl.out"; kill -9 $qpid; } 2>/dev/null & c4=$!
wait $qpid 2>/dev/null
qpid=
wait $c1 $c2; kill $c3 $c4 2>/dev/null
[ $verbose = 1 ] && { echo "--- console"; cat "$d/console.log"; echo "--- qemu"; cat "$d/qemu.log"; grep -av $'\e' "$d/mon.log"; } >&2
[ -e "$d/timeout" ] && { echo "lab.sh: time limit of ${limit}s" >&2; exit 124; }
rc=$(cat "$d/lab/rc" 2>/dev/null)
if [ -z "$rc" ]; then
    echo "lab.sh: the lab ended without an exit status" >&2
    tail -n 30 "$d/console.log" "$d/qemu.log" >&2
    exit 125
fi
exit "$rc"
