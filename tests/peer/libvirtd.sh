#!/bin/bash
# Runs libvirtd beside us, as a peer to compare with: in a mount namespace of its own, with everything that it writes below
# DIR. It knows no networks and no pools, so that it starts none on this machine. It serves the socket DIR/run/libvirt-sock,
# and needs neither systemd nor D-Bus.
#
#   libvirtd.sh DIR                      starts it; returns when its socket is there
#   libvirtd.sh DIR COMMAND...           runs COMMAND in its namespace
#   libvirtd.sh DIR --stop               stops it
#   libvirtd.sh DIR --during COMMAND...  runs COMMAND between the two, outside
set -eu
mkdir -p "$1"; dir=$(cd "$1" && pwd); shift
pid=$(cat "$dir/pid" 2>/dev/null || :)
case "${1:-start}" in
start)
    mkdir -p "$dir"/{run,var,cache,etc,log}
    cp -a /etc/libvirt/. "$dir/etc/"
    rm -rf "$dir"/etc/qemu "$dir"/etc/storage "$dir"/etc/secrets
    printf '%s\n' "unix_sock_dir = \"$dir/run\"" 'auth_unix_rw = "none"' 'auth_unix_ro = "none"' \
        > "$dir/libvirtd.conf"
    printf '%s\n' 'stdio_handler = "file"' 'security_driver = "none"' >> "$dir/etc/qemu.conf"
    # Its rules for nftables need an action for checksums, which many kernels lack; those for iptables do with less.
    [ -z "$(command -v iptables)" ] || echo 'firewall_backend = "iptables"' >> "$dir/etc/network.conf"
    export dir
    setsid unshare -m bash -euc '
        mount --make-rprivate /
        # Network devices are shown as they are in the namespace whose sysfs it is; that of this one may be there already.
        mkdir -p "$dir/cgroup"
        mount --rbind /sys/fs/cgroup "$dir/cgroup"
        if mount -t sysfs sysfs /sys 2>/dev/null; then
            mount --rbind "$dir/cgroup" /sys/fs/cgroup
        fi
        mount --bind "$dir/etc" /etc/libvirt
        mkdir -p /var/lib/libvirt /var/cache/libvirt /var/log/libvirt
        mount --bind "$dir/var" /var/lib/libvirt
        mount --bind "$dir/cache" /var/cache/libvirt
        mount --bind "$dir/log" /var/log/libvirt
        mount -t tmpfs tmpfs /run
        mkdir -p /run/libvirt
        echo $$ > "$dir/pid"
        exec /usr/sbin/libvirtd -f "$dir/libvirtd.conf" -p "$dir/libvirtd.pid"
    ' </dev/null >"$dir/libvirtd.log" 2>&1 &
    for _ in $(seq 100); do
        [ -S "$dir/run/libvirt-sock" ] && exit 0
        sleep 0.1
    done
    tail "$dir/libvirtd.log" >&2
    exit 1 ;;
--stop)
    [ -n "$pid" ] || exit 0
    # Servers of networks that somebody who failed left running.
    for file in "/proc/$pid/root/run/libvirt/network"/*.pid; do
        [ ! -s "$file" ] || kill "$(cat "$file")" 2>/dev/null || :
    done
    kill "$pid" 2>/dev/null || :
    for _ in $(seq 100); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    kill -9 "$pid" 2>/dev/null || :
    rm -f "$dir/pid" ;;
--during)
    shift
    "$0" "$dir"
    status=0
    "$@" || status=$?
    "$0" "$dir" --stop
    exit $status ;;
*)
    exec nsenter -t "$pid" -m -- "$@" ;;
esac
