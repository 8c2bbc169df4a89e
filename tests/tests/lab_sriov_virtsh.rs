//! `virtsh sriov`, in the lab.

use expect_test::expect;
use virt_tests::lab::Lab;
use virt_tests::skip;

const SCRIPT: &str = r#"
ip link set eth0 up && echo 2 > /sys/class/net/eth0/device/sriov_numvfs || exit 1
ip link set eth0 vf 0 mac 52:54:00:00:00:10 && ip link set eth0 vf 1 mac 52:54:00:00:00:11 || exit 1
V() { echo "\$ virtsh $*"; "$VIRTSH" -q "$@" 2>&1 || echo "(exit code $?)"; }
V sriov ls
V sriov lease --any eth0 --mac 00:11:22:33:44:55 --vlan 42 --qos 3 --trust on --driver vfio-pci --plan
V sriov lease --any eth0 --mac 00:11:22:33:44:55 --vlan 42 --qos 3 --trust on --driver vfio-pci --holder web
V sriov lease 0000:01:10.0
V sriov lease 0000:01:10.2 --state disable
V sriov apply 0000:01:10.0 --holder web --vlan 7 --plan
V sriov apply 0000:01:10.0 --holder web --vlan 7
V sriov show 0000:01:10.0
V sriov ls --format csv
V sriov release 0000:01:10.0 --plan
V sriov release --holder web
V sriov release --holder web
V sriov lease 0000:01:10.2 --process 4000000
V sriov show 0000:05:00.0
V sriov dance
V sriov lease 0000:01:10.2 --trust maybe
V sriov ls
"#;

#[test]
fn virtual_functions_from_the_command_line() {
    if let Some(why) = Lab::missing() {
        skip!("{why}");
    }
    let executable = std::env::current_exe().expect("this program has a path");
    let virtsh = executable.ancestors().nth(2).expect("it is in a build's directory").join("virtsh");
    assert!(virtsh.is_file(), "{} is not built: cargo build --workspace", virtsh.display());
    let output = Lab::new().run(&format!("VIRTSH='{}'\n{SCRIPT}", virtsh.display())).expect("the lab starts");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    expect![[r#"
        $ virtsh sriov ls
         0000:01:10.0   eth0   0   igbvf   eth2   52:54:00:00:00:10   none   -   free
         0000:01:10.2   eth0   1   igbvf   eth3   52:54:00:00:00:11   none   -   free
        $ virtsh sriov lease --any eth0 --mac 00:11:22:33:44:55 --vlan 42 --qos 3 --trust on --driver vfio-pci --plan
          1. lease 0000:01:10.0 to virtsh
          2. take 0000:01:10.0 from igbvf
          3. set MAC address 00:11:22:33:44:55 for 0000:01:10.0 (virtual function 0 of 0000:01:00.0)
          4. set VLAN 42 (priority 3, 802.1Q) for 0000:01:10.0 (virtual function 0 of 0000:01:00.0)
          5. set trust on for 0000:01:10.0 (virtual function 0 of 0000:01:00.0)
          6. give 0000:01:10.0 to vfio-pci
        (another device may be chosen)
        $ virtsh sriov lease --any eth0 --mac 00:11:22:33:44:55 --vlan 42 --qos 3 --trust on --driver vfio-pci --holder web
        $ virtsh sriov lease 0000:01:10.0
        error: Failed to lease
        error: Requested operation is not valid: PCI device 0000:01:10.0 is in use by web
        (exit code 1)
        $ virtsh sriov lease 0000:01:10.2 --state disable
        error: Failed to lease
        error: unsupported configuration: link state disable for virtual function 1 of eth0 (0000:01:00.0, driver igb) was refused: Operation not supported on transport endpoint
        (exit code 1)
        $ virtsh sriov apply 0000:01:10.0 --holder web --vlan 7 --plan
          1. set VLAN 7 for 0000:01:10.0 (virtual function 0 of 0000:01:00.0)
        $ virtsh sriov apply 0000:01:10.0 --holder web --vlan 7
        $ virtsh sriov show 0000:01:10.0
        Address:       0000:01:10.0
        PF address:    0000:01:00.0
        PF:            eth0
        VF:            0
        Driver:        vfio-pci
        Device:        -
        IOMMU group:   18
        MAC address:   00:11:22:33:44:55
        VLAN:          7
        Spoof check:   on
        Trust:         on
        Link state:    auto
        Transmit rate: unlimited
        RSS query:     -
        Node GUID:     -
        Port GUID:     -
        Holder:        web
        State:         leased
        Process:       -
        Changes:       take 0000:01:10.0 from igbvf
                       set MAC address 00:11:22:33:44:55 for 0000:01:10.0 (virtual function 0 of 0000:01:00.0)
                       set VLAN 42 (priority 3, 802.1Q) for 0000:01:10.0 (virtual function 0 of 0000:01:00.0)
                       set trust on for 0000:01:10.0 (virtual function 0 of 0000:01:00.0)
                       give 0000:01:10.0 to vfio-pci
                       set VLAN 7 for 0000:01:10.0 (virtual function 0 of 0000:01:00.0)
        Not restored:  -
        $ virtsh sriov ls --format csv
        address,parent_address,parent,index,driver,netdev,mac,vlan,holder,state
        0000:01:10.0,0000:01:00.0,eth0,0,vfio-pci,,00:11:22:33:44:55,"{""id"":7,""qos"":0,""protocol"":""802.1Q""}",web,leased
        0000:01:10.2,0000:01:00.0,eth0,1,igbvf,eth3,52:54:00:00:00:11,"{""id"":0,""qos"":0,""protocol"":""802.1Q""}",,free
        $ virtsh sriov release 0000:01:10.0 --plan
          1. undo: set VLAN 7 for 0000:01:10.0 (virtual function 0 of 0000:01:00.0)
          2. undo: give 0000:01:10.0 to vfio-pci
          3. undo: set trust on for 0000:01:10.0 (virtual function 0 of 0000:01:00.0)
          4. undo: set VLAN 42 (priority 3, 802.1Q) for 0000:01:10.0 (virtual function 0 of 0000:01:00.0)
          5. undo: set MAC address 00:11:22:33:44:55 for 0000:01:10.0 (virtual function 0 of 0000:01:00.0)
          6. undo: take 0000:01:10.0 from igbvf
          7. undo: lease 0000:01:10.0 to web
        $ virtsh sriov release --holder web
        $ virtsh sriov release --holder web
        $ virtsh sriov lease 0000:01:10.2 --process 4000000
        error: Failed to lease
        error: invalid argument: there is no process 4000000 that could hold devices for virtsh
        (exit code 1)
        $ virtsh sriov show 0000:05:00.0
        error: 0000:05:00.0 is no virtual function, and nobody has it
        (exit code 1)
        $ virtsh sriov dance
        error: unknown action 'dance'
        (exit code 1)
        $ virtsh sriov lease 0000:01:10.2 --trust maybe
        error: 'maybe' is no value for --trust
        (exit code 1)
        $ virtsh sriov ls
         0000:01:10.0   eth0   0   igbvf   eth2   52:54:00:00:00:10   none   -   free
         0000:01:10.2   eth0   1   igbvf   eth3   52:54:00:00:00:11   none   -   free
    "#]].assert_eq(&out);
    assert!(output.status.success(), "{}\n{err}", output.status);
}
