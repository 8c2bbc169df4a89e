//! The lab itself: what the tests in it rely on.

use virt_tests::lab::Lab;
use virt_tests::skip;

#[track_caller]
fn says(lab: Lab, script: &str) -> String {
    let output = lab.run(script).expect("the lab starts");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
    out.trim().to_owned()
}

#[test]
fn lab_has_virtual_functions_and_an_iommu() {
    if let Some(why) = Lab::missing() {
        skip!("{why}");
    }
    let script = "ip link set eth0 up; echo 2 > /sys/class/net/eth0/device/sriov_numvfs
                  readlink -f /sys/class/net/eth0/device/virtfn1 | xargs basename
                  basename $(readlink /sys/bus/pci/devices/0000:01:10.2/iommu_group) | tr -d 0-9";
    assert_eq!(says(Lab::new(), script), "0000:01:10.2");
}

#[test]
fn lab_runs_systemd_where_asked() {
    if let Some(why) = Lab::missing() {
        skip!("{why}");
    }
    if !std::path::Path::new("/lib/systemd/systemd").exists() {
        skip!("systemd is not installed");
    }
    let script = "systemd-run --scope -q --unit=probe cat /proc/self/cgroup";
    assert_eq!(says(Lab::new().systemd(), script), "0::/system.slice/probe.scope");
}
