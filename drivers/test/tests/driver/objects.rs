//! Networks, storage, devices and secrets of the simulated hosts.

use std::path::Path;

use expect_test::{Expect, expect};
use virt_core::driver::*;

use crate::script::{driver, open};

fn default() -> Slots {
    open(&driver(), "test:///default").unwrap()
}

fn call() -> &'static Call {
    Call::background()
}

fn refused<T>(result: Result<T>, expected: &Expect) {
    let error = result.map(drop).unwrap_err();
    expected.assert_eq(&format!("{}/{} {error}", error.code().0, error.domain().0));
}

/// What `test:///default` has, byte for byte as libvirt 11.3 prints it.
#[test]
fn the_default_network_and_pool_are_libvirts() {
    let slots = default();
    let networks = slots.networks.unwrap();
    let network = networks.lookup_by_name(call(), "default".into()).unwrap().uuid;
    expect![[r#"
        <network>
          <name>default</name>
          <uuid>dd8fe884-6c02-601e-7551-cca97df1c5df</uuid>
          <forward mode='nat'/>
          <bridge name='virbr0' stp='on' delay='0'/>
          <ip address='192.168.122.1' netmask='255.255.255.0'>
            <dhcp>
              <range start='192.168.122.2' end='192.168.122.254'/>
            </dhcp>
          </ip>
        </network>
    "#]]
    .assert_eq(&networks.xml(call(), network, NetworkXml::empty()).unwrap());
    let pools = slots.storage_pools.unwrap();
    let pool = pools.lookup_by_name(call(), "default-pool".into()).unwrap();
    assert!(pool.persistent && !pool.autostart && pool.state == StoragePoolState::Running);
    expect![[r#"
        <pool type='dir'>
          <name>default-pool</name>
          <uuid>dfe224cb-28fb-8dd0-c4b2-64eb3f0f4566</uuid>
          <capacity unit='bytes'>107374182400</capacity>
          <allocation unit='bytes'>0</allocation>
          <available unit='bytes'>107374182400</available>
          <source>
          </source>
          <target>
            <path>/default-pool</path>
          </target>
        </pool>
    "#]]
    .assert_eq(&pools.xml(call(), pool.uuid, StoragePoolXml::empty()).unwrap());
}

#[test]
fn the_default_devices_are_libvirts() {
    let devices = default().node_devices.unwrap();
    let names = devices.names(call(), None).unwrap();
    assert_eq!(names, ["computer", "scsi_host1", "scsi_host11", "scsi_host2"]);
    assert_eq!(devices.names(call(), Some("vports".into())).unwrap(), ["scsi_host1", "scsi_host2"]);
    expect![[r#"
        <device>
          <name>scsi_host1</name>
          <parent>computer</parent>
          <capability type='scsi_host'>
            <host>1</host>
            <unique_id>0</unique_id>
            <capability type='fc_host'>
              <wwnn>2000000012341234</wwnn>
              <wwpn>1000000012341234</wwpn>
              <fabric_wwn>2000000043214321</fabric_wwn>
            </capability>
            <capability type='vport_ops'>
              <max_vports>0</max_vports>
              <vports>0</vports>
            </capability>
          </capability>
        </device>
    "#]]
    .assert_eq(&devices.xml(call(), "scsi_host1".into(), NodeDeviceXml::empty()).unwrap());
}

#[test]
fn a_host_from_a_file_has_what_the_file_names() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    write("net.xml", "<network><name>far</name><bridge name='br7'/></network>");
    let node = write(
        "node.xml",
        "<node>
           <network file='net.xml'/>
           <network><name>near</name></network>
           <pool type='dir'>
             <name>images</name>
             <target><path>/images</path></target>
             <volume><name>root</name><capacity>1000000</capacity><allocation>50000</allocation></volume>
           </pool>
           <device><name>box</name><capability type='system'><hardware><uuid>11111111-2222-3333-4444-555555555555</uuid></hardware><firmware/></capability></device>
         </node>",
    );
    let slots = open(&driver(), &format!("test://{}", Path::display(&node))).unwrap();
    let networks = slots.networks.unwrap().list(call(), ListNetworks::ACTIVE).unwrap();
    let networks: Vec<_> = networks.iter().map(|it| (it.name.as_str(), it.bridge.as_deref())).collect();
    assert_eq!(networks, [("far", Some("br7")), ("near", None)]);
    let volume = slots.storage_volumes.unwrap().lookup_by_path(call(), "/images/root".into()).unwrap();
    assert_eq!(
        (volume.capacity, volume.allocation, volume.format.as_deref()),
        (1_000_000, 50_000, Some("raw"))
    );
    let pool = slots.storage_pools.unwrap().info(call(), volume.pool).unwrap();
    assert_eq!(pool.capacity - pool.available, 50_000);
    assert_eq!(slots.node_devices.unwrap().names(call(), None).unwrap(), ["box"]);
}

#[test]
fn running_guests_have_addresses_on_their_network() {
    let slots = default();
    let networks = slots.networks.unwrap();
    let network = networks.lookup_by_name(call(), "default".into()).unwrap().uuid;
    let leases = |mac: Option<&str>| networks.dhcp_leases(call(), network, mac.map(Into::into));
    let [lease] = &leases(None).unwrap()[..] else { panic!("one guest, one lease") };
    assert_eq!(lease.mac.as_deref(), Some("aa:bb:cc:dd:ee:ff"));
    assert_eq!((lease.address.as_str(), lease.prefix), ("192.168.122.2", 24));
    assert!(leases(Some("aa:bb:cc:dd:ee:00")).unwrap().is_empty());
    let change = NetworkChange {
        command: NetworkCommand::AddLast,
        section: NetworkPart::IpDhcpHost,
        parent: -1,
        xml: "<host mac='aa:bb:cc:dd:ee:ff' name='web' ip='192.168.122.77'/>".into(),
    };
    networks.update(call(), network, change, Affect::LIVE).unwrap();
    let lease = leases(Some("aa:bb:cc:dd:ee:ff")).unwrap().remove(0);
    assert_eq!((lease.address.as_str(), lease.hostname.as_deref()), ("192.168.122.77", Some("web")));
    networks.destroy(call(), network).unwrap();
    assert!(leases(None).unwrap().is_empty());
}

#[test]
fn what_is_sent_to_a_volume_is_what_comes_back() {
    let slots = default();
    let pool = slots.storage_pools.unwrap().lookup_by_name(call(), "default-pool".into()).unwrap().uuid;
    let volumes = slots.storage_volumes.unwrap();
    let xml = "<volume><name>v</name><capacity unit='M'>1</capacity><allocation>0</allocation></volume>";
    volumes.create_xml(call(), pool, xml.into(), CreateStorageVolume::empty()).unwrap();
    let none = TransferStorageVolume::empty();
    let upload = volumes.upload(call(), pool, "v".into(), 65_530, 0, none).unwrap();
    assert_eq!(upload.send(call(), b"over the edge".to_vec()).unwrap(), 13);
    upload.send_hole(call(), 100_000).unwrap();
    assert_eq!(upload.send(call(), b"!".to_vec()).unwrap(), 1);
    upload.finish(call()).unwrap();
    let read = |offset, length, flags| {
        let stream = volumes.download(call(), pool, "v".into(), offset, length, flags).unwrap();
        let (mut data, mut hole) = (Vec::new(), 0);
        loop {
            let chunk = stream.receive(call(), 1 << 20).unwrap();
            if chunk.end {
                return (data, hole);
            }
            data.extend(chunk.data);
            hole += chunk.hole;
        }
    };
    assert_eq!(read(65_530, 13, none).0, b"over the edge");
    assert_eq!(read(165_543, 2, none).0, b"!\0");
    assert_eq!(read(0, 0, none).0.len(), 1 << 20);
    let (data, hole) = read(0, 0, TransferStorageVolume::SPARSE_STREAM);
    assert_eq!(data.len() as u64 + hole, 1 << 20);
    assert!(hole > 800_000, "{hole}");
    let full = volumes.upload(call(), pool, "v".into(), 1 << 20, 0, none).unwrap();
    refused(
        full.send(call(), vec![1]),
        &expect!["38/38 cannot write to volume 'v': No space left on device"],
    );
    volumes.wipe(call(), pool, "v".into(), WipeAlgorithm::Zero).unwrap();
    assert!(read(0, 0, none).0.iter().all(|byte| *byte == 0));
}

#[test]
fn refusals_are_libvirts() {
    let slots = default();
    let networks = slots.networks.unwrap();
    let network = networks.lookup_by_name(call(), "default".into()).unwrap().uuid;
    refused(
        networks.lookup_by_name(call(), "nope".into()),
        &expect!["43/12 Network not found: no network with matching name 'nope'"],
    );
    refused(
        networks.create(call(), network),
        &expect!["55/12 Requested operation is not valid: Network 'default' is already running"],
    );
    refused(
        networks.undefine(call(), network),
        &expect!["55/12 Requested operation is not valid: Network 'default' is still running"],
    );
    let xml = "<network><name>default</name></network>".to_owned();
    refused(
        networks.define(call(), xml, DefineNetwork::empty()),
        &expect![
            "9/19 operation failed: network 'default' already exists with uuid dd8fe884-6c02-601e-7551-cca97df1c5df"
        ],
    );
    let pools = slots.storage_pools.unwrap();
    let pool = pools.lookup_by_name(call(), "default-pool".into()).unwrap().uuid;
    refused(
        pools.undefine(call(), pool),
        &expect!["55/12 Requested operation is not valid: storage pool 'default-pool' is active"],
    );
    let xml = "<pool type='dir'><name>p</name><target><path>/default-pool</path></target></pool>".to_owned();
    refused(
        pools.define(call(), xml, DefineStoragePool::empty()),
        &expect!["9/18 operation failed: Storage source conflict with pool: 'default-pool'"],
    );
    let volumes = slots.storage_volumes.unwrap();
    let create = |name: &str, size: &str| {
        let xml = format!("<volume><name>{name}</name><capacity unit='G'>{size}</capacity></volume>");
        volumes.create_xml(call(), pool, xml, CreateStorageVolume::empty())
    };
    create("v", "1").unwrap();
    refused(create("v", "1"), &expect!["9/12 operation failed: storage vol already exists"]);
    refused(
        create("big", "1000"),
        &expect!["1/12 internal error: Not enough free space in pool for volume 'big'"],
    );
    pools.destroy(call(), pool).unwrap();
    refused(
        volumes.list(call(), pool),
        &expect!["55/12 Requested operation is not valid: storage pool is not active"],
    );
    refused(
        create("w", "1"),
        &expect!["55/12 Requested operation is not valid: storage pool 'default-pool' is not active"],
    );
}
