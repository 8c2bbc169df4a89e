//! Guests do not belong to the service that started them: its end is not theirs.

use virt_tests::lab::Lab;
use virt_tests::skip;

const SCRIPT: &str = r#"
cat > /srv/guest.xml <<X
<domain type='qemu'>
  <name>lasting</name>
  <memory unit='MiB'>64</memory>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
</domain>
X
V="$VIRTSH -c qemu:///embed?root=/srv/guests -q"
# The file system of the lab is complete: no unit needs to wait for one, and /tmp must stay what it is.
systemd-run -q --unit=application -p DefaultDependencies=no -p Type=oneshot -p RemainAfterExit=yes \
    $V create /srv/guest.xml --paused || exit 1
echo "as long as the service runs: $($V domstate lasting)"
systemctl stop application
echo "when it is stopped: $($V domstate lasting)"
for process in $(pgrep -x 'qemu-system-.*|virt-controller'); do
    grep -q 'virt-qemu.*lasting.*\.scope' /proc/$process/cgroup && echo "$(cat /proc/$process/comm) has a scope of its own"
done | sort
$V destroy lasting > /srv/destroyed || exit 1
echo "when it is destroyed: $(pgrep -c 'qemu-system|virt-controller') processes"
"#;

#[test]
fn a_guest_outlives_the_service_that_started_it() {
    if let Some(why) = Lab::missing() {
        skip!("{why}");
    }
    if !std::path::Path::new("/lib/systemd/systemd").exists() {
        skip!("systemd is not installed");
    }
    let executable = std::env::current_exe().expect("this program has a path");
    let virtsh = executable.ancestors().nth(2).expect("it is in a build's directory").join("virtsh");
    assert!(virtsh.is_file(), "{} is not built: cargo build --workspace", virtsh.display());
    let script = format!("VIRTSH='{}'\n{SCRIPT}", virtsh.display());
    let output = Lab::new().systemd().run(&script).expect("the lab starts");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    expect_test::expect![[r#"
        as long as the service runs: paused
        when it is stopped: paused
        qemu-system-x86 has a scope of its own
        virt-controller has a scope of its own
        when it is destroyed: 0 processes
    "#]]
    .assert_eq(&out);
    assert!(output.status.success(), "{}\n{err}", output.status);
}
