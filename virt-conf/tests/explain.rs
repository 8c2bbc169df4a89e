//! What the models say about themselves.

use expect_test::{Expect, expect};
use virt_conf::explain::explain;

fn check(path: &str, expected: Expect) {
    expected.assert_eq(&match explain(path) {
        Ok(explanation) => explanation.to_string(),
        Err(error) => format!("{error}\n{}\n", error.advice().unwrap_or("no advice")),
    });
}

#[test]
fn attributes_have_values_and_defaults() {
    check(
        "domain/devices/disk/driver/@cache",
        expect![[r#"
            /domain/devices/disk/driver/@cache
                How writes are cached; default: the hypervisor's choice.

            Values:
              default       The hypervisor's choice.
              none          Page cache bypassed; the disk's own cache is used.
              writethrough  Page cache, flushed after every write.
              writeback     Page cache, flushed when the guest asks.
              directsync    Page cache bypassed, flushed after every write.
              unsafe        Page cache, never flushed.
        "#]],
    );
    check(
        "/domain/devices/interface/mac/@address",
        expect![[r#"
            /domain/devices/interface/mac/@address
                Six bytes in hexadecimal, colons between them; generated where absent.

            Values:   a MAC address
        "#]],
    );
    check(
        "domain/devices/disk/address[@type='pci']/@bus",
        expect![[r#"
            /domain/devices/disk/address[@type='pci']/@bus
                Bus in the segment, 0 to 0xff; default: 0.

            Values:   a number, written in hexadecimal
            Default:  0x00
        "#]],
    );
    check(
        "domain/devices/interface/@type",
        expect![[r#"
            /domain/devices/interface/@type
                What an interface is plugged into.

            Values:
              user       A network of its own, translated to the host's addresses.
              ethernet   A tap device, connected by a script or by whoever made it.
              vhostuser  Another process, through shared memory.
              server     A TCP listener.
              client     A TCP connection.
              mcast      A multicast group.
              udp        A UDP peer.
              network    A virtual network.
              bridge     A bridge of the host.
              internal   A network inside the hypervisor.
              direct     A device of the host, through macvtap.
              hostdev    A device of the host handed to the guest whole.
              vdpa       A vDPA device.
              null       Nothing.
              vds        A VMware distributed switch.
        "#]],
    );
}

#[test]
fn elements_list_what_they_may_have() {
    check(
        "domain/memory",
        expect![[r#"
        /domain/memory
            The memory it starts with.
            The memory that the guest starts with.
            An amount of memory; in KiB without a unit.

        Values:   a number, with its unit in the attribute unit

        Attributes:
          @dumpCore  Whether a core dump of the hypervisor contains it; the host's setting by default
          @unit      The unit: `bytes`, `KB` (1000), `KiB` or `k` (1024), and so on to `EiB`
    "#]],
    );
    check(
        "domain/devices/disk/readonly",
        expect![[r#"
        /domain/devices/disk/readonly
            Whether the guest may only read.

        Values:   nothing: it is there or not
    "#]],
    );
    check(
        "domain/throttlegroups",
        expect![[r#"
            /domain/throttlegroups
                Limits that several disks share. Since 11.2.

            Since:    11.2

            Elements:
              throttlegroup  The groups, each of a name of its own
        "#]],
    );
    check(
        "domain/devices/interface[@type='bridge']/source",
        expect![[r#"
            /domain/devices/interface[@type='bridge']/source
                Source of `type='bridge'`.

            Attributes:
              @bridge           Name of the bridge
              @macTableManager  Who keeps the bridge's forwarding table, in the port of a virtual network
        "#]],
    );
    check(
        "domain/metadata",
        expect![[r#"
        /domain/metadata
            What applications keep with it, each in a namespace of its own.

        Values:   any elements, kept word for word
    "#]],
    );
}

#[test]
fn near_misses_are_named() {
    check(
        "domian",
        expect![[r#"
        invalid argument: no document begins with <domian>
        did you mean 'domain'?
    "#]],
    );
    check(
        "domain/device",
        expect![[r#"
        invalid argument: element 'domain' has no element 'device'
        did you mean 'devices'?
    "#]],
    );
    check(
        "domain/devices/disk/driver/@cahe",
        expect![[r#"
        invalid argument: element 'driver' has no attribute 'cahe'
        did you mean 'cache'?
    "#]],
    );
    check(
        "mtu/@size",
        expect![[r#"
            invalid argument: no document begins with <mtu>
            did you mean 'network/mtu/@size', 'interface/mtu/@size', 'domain/devices/interface/mtu/@size'?
        "#]],
    );
    check(
        "domain/devices/disk/type",
        expect![[r#"
        invalid argument: element 'disk' has no element 'type'
        did you mean '@type'?
    "#]],
    );
    check(
        "domain[",
        expect![[r#"
        invalid argument: malformed path 'domain[' at 'domain['
        no advice
    "#]],
    );
}

#[test]
fn every_value_in_the_models_can_be_asked_for() {
    let mut undocumented = Vec::new();
    for kind in virt_conf::document::KINDS {
        for path in kind.shape().paths(6) {
            let path = format!("{}/{path}", kind.root);
            let found = explain(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
            if found.doc.is_empty() {
                undocumented.push(path);
            }
        }
    }
    undocumented.sort();
    undocumented.dedup();
    expect![[""]].assert_eq(&undocumented.join("\n"));
}
