//! What libvirt added since 11.4: documents that it writes as they are, and what it refuses in them.

use std::fmt::Write as _;

use expect_test::expect;
use virt_conf::domain::Neutral;
use virt_conf::explain::explain;
use virt_conf::model::{Capabilities, Domain, Network, NodeDevice, NwFilterBinding};
use virt_conf::xml::{FormatFlags, FormatOptions, ParseOptions};

#[test]
fn a_guest_with_everything_new_stays_as_it_is() {
    let text = include_str!("samples/newest.xml");
    let strict = ParseOptions { strict: true, ..ParseOptions::inactive() };
    let guest = Domain::from_xml(text, &strict, &Neutral).unwrap();
    assert_eq!(guest.to_xml(&FormatOptions::from(FormatFlags::SECURE)), text);
}

#[test]
fn other_documents_stay_as_they_are() {
    let network = "\
<network>
  <name>lan</name>
  <uuid>5c6a1c0e-6d2f-4a39-9f4c-b1f0a3c1d203</uuid>
  <bridge stp='on' delay='0'/>
  <dns>
    <forwarder addr='192.0.2.53' port='5353'/>
  </dns>
</network>
";
    let read = Network::from_xml(network, &ParseOptions::STRICT).unwrap();
    assert_eq!(read.to_xml(&FormatOptions::INACTIVE), network);
    let device = "\
<device>
  <name>usb_1_2</name>
  <capability type='usb_device'>
    <bus>1</bus>
    <device>2</device>
    <port>1.2</port>
    <product id='0x0001'>stick</product>
    <vendor id='0x0002'>maker</vendor>
  </capability>
</device>
";
    assert_eq!(NodeDevice::from_xml(device, &ParseOptions::STRICT).unwrap().to_string(), device);
    let binding = "\
<filterbinding>
  <owner>
    <name>newest</name>
    <uuid>5c6a1c0e-6d2f-4a39-9f4c-b1f0a3c1d201</uuid>
  </owner>
  <portdev name='vnet0'/>
  <mac address='52:54:00:11:22:33'/>
  <filterref filter='clean-traffic'/>
  <backend name='nftables'/>
</filterbinding>
";
    assert_eq!(NwFilterBinding::from_xml(binding, &ParseOptions::STRICT).unwrap().to_string(), binding);
    let energy = "<energy>\n      <monitor maxMonitors='32'>\n        <feature name='core_energy'/>\n        \
                  <feature name='activity'/>\n      </monitor>\n    </energy>";
    let host = format!("<capabilities><host><cpu><arch>x86_64</arch></cpu>{energy}</host></capabilities>");
    let read = Capabilities::from_xml(&host, &ParseOptions::STRICT).unwrap();
    assert!(read.to_string().contains(energy), "{read}");
}

#[test]
fn libvirts_sentences() {
    let mut all = String::new();
    for (around, inside) in [
        ("", "<hwuuid>x</hwuuid>"),
        ("", "<iommufd/>"),
        ("", "<iommufd enabled='no' fdgroup='x'/>"),
        ("", "<on_reboot>preserve-running</on_reboot>"),
        (
            "",
            "<iothreads>1</iothreads><iothreadids><iothread id='1'><poll weight='x'/></iothread></iothreadids>",
        ),
        ("", "<launchSecurity type='tdx'><policy>x</policy></launchSecurity>"),
        ("disk", "<statistics><statistic/></statistics>"),
        ("disk", "<statistics><statistic interval='0'/></statistics>"),
        ("disk", "<statistics><latency-histogram/></statistics>"),
        ("disk", "<statistics><latency-histogram type='x'><bin start='0'/></latency-histogram></statistics>"),
        (
            "disk",
            "<statistics><latency-histogram><bin start='1'/><bin start='1'/></latency-histogram></statistics>",
        ),
        (
            "disk",
            "<statistics><latency-histogram type='read'><bin start='1'/></latency-histogram>\
             <latency-histogram type='read'><bin start='1'/></latency-histogram></statistics>",
        ),
        ("iommu", "<granule mode='host' size='64'/>"),
        ("devices", "<iommu model='smmuv3'><driver oas='44'/></iommu>"),
        ("devices", "<iommu model='amd'><driver eim='on'/></iommu>"),
        ("devices", "<iommu model='smmuv3'/><iommu model='intel'/>"),
        (
            "devices",
            "<hostdev mode='subsystem' type='usb'><source><address bus='1' device='2' port='1.2'/></source></hostdev>",
        ),
        ("devices", "<disk type='ctl'><source/><target dev='sda'/></disk>"),
    ] {
        let body = match around {
            "disk" => format!(
                "<devices><disk type='file'><driver>{inside}</driver><source file='/a'/><target dev='vda'/></disk></devices>"
            ),
            "iommu" => format!("<devices><iommu model='virtio'><driver>{inside}</driver></iommu></devices>"),
            "devices" => format!("<devices>{inside}</devices>"),
            _ => inside.to_owned(),
        };
        let text = format!(
            "<domain type='test'><name>a</name><memory>1024</memory><os><type>hvm</type></os>{body}</domain>"
        );
        let answer = Domain::from_xml(&text, &ParseOptions::inactive(), &Neutral);
        let answer = answer.map_or_else(|error| error.to_string(), |_| "accepted".to_owned());
        let _ = writeln!(all, "{inside}\n    {answer}");
    }
    expect![[r#"
        <hwuuid>x</hwuuid>
            internal error: malformed hwuuid element
        <iommufd/>
            XML error: Missing required attribute 'enabled' in element 'iommufd'
        <iommufd enabled='no' fdgroup='x'/>
            unsupported configuration: Setting 'fdgroup' when 'iommufd' is disabled is not supported.
        <on_reboot>preserve-running</on_reboot>
            unsupported configuration: Lifecycle event 'reboot' doesn't support 'preserve-running' action
        <iothreads>1</iothreads><iothreadids><iothread id='1'><poll weight='x'/></iothread></iothreadids>
            XML error: Invalid value for attribute 'weight' in element 'poll': 'x'. Expected non-negative integer value
        <launchSecurity type='tdx'><policy>x</policy></launchSecurity>
            XML error: failed to get launch security policy for launch security type TDX
        <statistics><statistic/></statistics>
            XML error: Missing required attribute 'interval' in element 'statistic'
        <statistics><statistic interval='0'/></statistics>
            XML error: Invalid value for attribute 'interval' in element 'statistic': Zero is not permitted
        <statistics><latency-histogram/></statistics>
            XML error: missing 'bin' elements for 'latency-histogram'
        <statistics><latency-histogram type='x'><bin start='0'/></latency-histogram></statistics>
            unsupported configuration: unknown latency_histogram type 'x'
        <statistics><latency-histogram><bin start='1'/><bin start='1'/></latency-histogram></statistics>
            unsupported configuration: the values of 'start' attribute of a 'latency-histogram' 'bin' configuration must be sorted and non-overlapping
        <statistics><latency-histogram type='read'><bin start='1'/></latency-histogram><latency-histogram type='read'><bin start='1'/></latency-histogram></statistics>
            unsupported configuration: only one latency-histogram of a given type is supported
        <granule mode='host' size='64'/>
            XML error: 'mode' and 'size' can't be specified at the same time for 'granule'
        <iommu model='smmuv3'><driver oas='44'/></iommu>
            XML error: accel must be enabled for iommu model 'smmuv3' when setting ats, ril, ssidsize, oas, or cmdqv
        <iommu model='amd'><driver eim='on'/></iommu>
            XML error: iommu model 'amd' doesn't support additional attributes
        <iommu model='smmuv3'/><iommu model='intel'/>
            XML error: only a single IOMMU device is supported
        <hostdev mode='subsystem' type='usb'><source><address bus='1' device='2' port='1.2'/></source></hostdev>
            internal error: found both device id and port in usb address (ambiguous setting)
        <disk type='ctl'><source/><target dev='sda'/></disk>
            missing source information for device sda
    "#]].assert_eq(&all);
}

#[test]
fn explanations_know_the_version() {
    for (path, version) in [
        ("domain/iommufd", "12.2"),
        ("domain/os/varstore", "12.1"),
        ("domain/cputune/energytune", "12.4"),
        ("domain/devices/disk/driver/statistics", "11.9"),
        ("domain/devices/disk/driver/statistics/latency-histogram", "12.1"),
        ("domain/devices/disk/target/@dpofua", "11.10"),
        ("domain/devices/iommu/driver/granule", "12.1"),
        ("domain/devices/iommu/driver/@accel", "12.7"),
        ("domain/devices/hostdev/driver/@iommufd", "12.1"),
        ("domain/devices/hostdev/acpi/@nodeset", "11.8"),
        ("domain/devices/video/model/@edid", "11.7"),
        ("domain/devices/graphics/@wait", "11.10"),
        ("network/dns/forwarder/@port", "12.0"),
        ("capabilities/host/energy", "12.4"),
    ] {
        assert_eq!(explain(path).unwrap().since.as_deref(), Some(version), "{path}");
    }
}
