//! Networks of virtual functions: guests get one that is free, whatever it is, and it comes back however they end.

use super::run;

#[test]
fn a_network_gives_each_guest_a_function_and_takes_it_back() {
    let script = r#"
state > /srv/before
network pool "<pf dev='eth0'/>"
network single "<address type='pci' domain='0' bus='1' slot='16' function='6'/>"
guest web true "$(plugged pool 00:11:22:33:44:55)" > /srv/web.xml
guest db true "$(plugged pool 00:11:22:33:44:66)$(plugged single 00:11:22:33:44:77)" > /srv/db.xml
guest late true "$(plugged single 00:11:22:33:44:88)" > /srv/late.xml
V define /srv/web.xml
V plan web | sed -n 's/^ *[12]\. //p'
V start web --paused; V create /srv/db.xml --paused
V create /srv/late.xml --paused | tail -n 1 || true
for index in 0 1 2 3; do vf $index | cut -d, -f 1-2 | sed 's/link.ether.*, spoof/free, spoof/'; done
V dumpxml web | sed -n '/<interface/,/<\/vlan/p'
V dumpxml web --inactive | sed -n '/<interface/,/<source/p'
ports pool single
V destroy web
# Nobody is there to finish this one but the process that stayed with it.
kill -9 $(pgrep -f guest=db)
for _ in $(seq 300); do V domstate db >/dev/null || break; sleep 0.2; done
ports pool single
state > /srv/after; diff /srv/before /srv/after && echo as before
# It was somebody's turn: the next guest gets a function that was not used before.
V start web --paused; V dumpxml web | sed -n "/<source>/,/source>/s/.*function='\(.*\)'.*/function \1/p"; V destroy web
V create /srv/late.xml --paused && echo late has its function; V destroy late
state > /srv/after; diff /srv/before /srv/after && echo as before
"#;
    let Some(said) = run(900, script) else { return };
    expect_test::expect![[r#"
        make a port of network 'pool'
        lease of the host's devices 0000:01:10.0
        error: internal error: network 'single' requires exclusive access to interfaces, but none are available
        vf 0 link/ether 00:11:22:33:44:55 brd ff:ff:ff:ff:ff:ff, vlan 42
        vf 1 link/ether 00:11:22:33:44:66 brd ff:ff:ff:ff:ff:ff, vlan 42
        vf 2 free, spoof checking on
        vf 3 link/ether 00:11:22:33:44:77 brd ff:ff:ff:ff:ff:ff, vlan 42
            <interface type='hostdev' managed='yes'>
              <mac address='00:11:22:33:44:55'/>
              <source>
                <address type='pci' domain='0x0000' bus='0x01' slot='0x10' function='0x0'/>
              </source>
              <vlan>
                <tag id='42'/>
              </vlan>
            <interface type='network'>
              <mac address='00:11:22:33:44:55'/>
              <source network='pool'/>
        pool: 2 ports
        single: 1 ports
        pool: 0 ports
        single: 0 ports
        as before
        function 0x4
        late has its function
        as before
    "#]]
    .assert_eq(&said);
}

/// A process that starts a guest is killed at moments spread over everything that it does which others can see: at four of
/// them, or as many as `KILLS` says.
#[test]
fn a_starter_killed_at_any_moment_leaves_nothing() {
    let kills = std::env::var("KILLS").ok().and_then(|text| text.parse::<u32>().ok()).unwrap_or(4);
    let script = r#"
command -v strace > /dev/null || { echo no strace; exit; }
network pool "<pf dev='eth0'/>"
guest web true "$(plugged pool 00:11:22:33:44:55)" > /srv/web.xml
V define /srv/web.xml
# Once in peace, so that what is found out once and kept is known.
V start web --paused; V destroy web
state > /srv/before
changing=write,pwrite64,sendto,sendmsg,rename,renameat,unlink,unlinkat,mkdir,mkdirat,chown,fchown
start() { strace -o /srv/trace -e trace=$changing "$@" "$VIRTSH" -c qemu:///system -q start web --paused; }
start; V destroy web; cp /srv/trace /srv/whole
# Those that only look, or find that something is there, change nothing.
awk '!/EEXIST|RTM_GET|exited/ { print NR }' /srv/whole > /srv/moments
all=$(wc -l < /srv/moments); [ $all -ge 40 ]
for kill in $(seq $KILLS); do
    line=$(sed -n "$((1 + all * (2 * kill - 1) / (2 * KILLS)))p" /srv/moments)
    call=$(sed -n "${line}s/(.*//p" /srv/whole)
    moment="$call:signal=KILL:when=$(head -n $line /srv/whole | grep -c "^$call(")"
    if start -e inject=$moment 2> /dev/null; then echo "$moment: it lived"; fi
    # Whoever comes next sees it off, and everything as it was, as soon as the controller has ended what nobody starts any more.
    for _ in $(seq 50); do [ "$(V domstate web)" = 'shut off' ] && break; sleep 0.1; done
    [ "$(V domstate web)" = 'shut off' ] || { echo "$moment: $(V domstate web)"; V destroy web; }
    state > /srv/after; diff /srv/before /srv/after || echo "$moment: left behind"
    [ "$(ports pool)" = 'pool: 0 ports' ] || { echo "$moment: a port is left"; exit 1; }
done
V start web --paused; ports pool; V destroy web
state > /srv/after; diff /srv/before /srv/after && echo as before
"#;
    let script = format!("KILLS={kills}\n{script}");
    let Some(said) = run(900 + 20 * kills, &script) else { return };
    if said == "no strace\n" {
        return println!("skipped: strace is not installed");
    }
    assert_eq!(said, "pool: 1 ports\nas before\n");
}

#[test]
fn a_function_that_a_guest_lets_go_of_late_comes_back_by_itself() {
    let script = r#"
state > /srv/before
network pool "<pf dev='eth0'/>"
guest web '
modprobe igbvf; while ! ls /sys/class/net | grep -q ^e; do sleep 1; done; echo guest: has it
while ls /sys/class/net | grep -q ^e; do sleep 1; done; echo guest: lost it
' "$(plugged pool 00:11:22:33:44:55 | sed "s/<source/<model type='virtio'\/>&/")" > /srv/web.xml
V create /srv/web.xml
said web 'guest: has it'
plugged pool 00:11:22:33:44:55 > /srv/device.xml
driver() { basename $(readlink /sys/bus/pci/devices/0000:01:10.0/driver); }
# A guest that cannot answer: the call returns without it.
V suspend web
V detach-device web /srv/device.xml --live
echo "$(driver), $(V dumpxml web | grep -c '<interface'), $(ports pool)"
V event web --event device-removed > /srv/event & watcher=$!
V resume web
# Nobody asks any more.
for _ in $(seq 1200); do [ $(driver) = igbvf ] && break; sleep 0.2; done
said web 'guest: lost it'
wait $watcher; sed -n '1s/ for .*//p' /srv/event
for _ in $(seq 300); do V dumpxml web | grep -q '<interface' || break; sleep 0.2; done
echo "$(driver), $(V dumpxml web | grep -c '<interface'), $(ports pool)"
state > /srv/after; diff /srv/before /srv/after && echo as before
# There is room for another.
V attach-device web /srv/device.xml --live; ports pool; vf 1 | cut -d, -f 1-2
V destroy web; ports pool
state > /srv/after; diff /srv/before /srv/after && echo as before
"#;
    let Some(said) = run(900, script) else { return };
    expect_test::expect![[r#"
        vfio-pci, 1, pool: 1 ports
        event 'device-removed'
        igbvf, 0, pool: 0 ports
        as before
        pool: 1 ports
        vf 1 link/ether 00:11:22:33:44:55 brd ff:ff:ff:ff:ff:ff, vlan 42
        pool: 0 ports
        as before
    "#]]
    .assert_eq(&said);
}
