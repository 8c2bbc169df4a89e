//! The documents of the simulated hosts, consoles, screens, and how hosts are opened.

use std::io::Write as _;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::Path;
use std::time::Duration;

use crate::script::{self, driver, open};
use expect_test::{Expect, expect};
use virt_core::driver::*;

fn default() -> Slots {
    open(&driver(), "test:///default").unwrap()
}

fn refused(uri: &str, expected: Expect) {
    let error = open(&driver(), uri).map(drop).unwrap_err();
    expected.assert_eq(&format!("{}/{} {error}", error.code().0, error.domain().0));
}

#[test]
fn the_host_is_libvirts() {
    let slots = default();
    let host = slots.host.unwrap();
    let call = Call::background();
    expect![[r#"
        NodeInfo {
            model: "i686",
            memory: 3145728,
            cpus: 16,
            mhz: 1400,
            nodes: 2,
            sockets: 2,
            cores: 2,
            threads: 2,
        }
    "#]]
    .assert_debug_eq(&host.node_info(call).unwrap());
    assert_eq!(host.free_memory(call).unwrap(), 3_145_728);
    assert_eq!(host.maximum_vcpus(call, None).unwrap(), 32);
    assert_eq!(slots.session.version(call).unwrap(), 2);
    expect![[r#"
        <capabilities>

          <host>
            <cpu>
              <arch>i686</arch>
              <features>
                <pae/>
                <nonpae/>
              </features>
              <pages unit='KiB' size='4'/>
              <pages unit='KiB' size='8'/>
              <pages unit='KiB' size='2048'/>
              <pages unit='KiB' size='1048576'/>
            </cpu>
            <power_management/>
            <iommu support='no'/>
            <topology>
              <cells num='2'>
                <cell id='0'>
                  <memory unit='KiB'>2097152</memory>
                  <pages unit='KiB' size='4'>524288</pages>
                  <pages unit='KiB' size='2048'>0</pages>
                  <pages unit='KiB' size='1048576'>0</pages>
                  <cpus num='8'>
                    <cpu id='0' socket_id='0' die_id='0' cluster_id='0' core_id='0' siblings='0'/>
                    <cpu id='1' socket_id='0' die_id='0' cluster_id='0' core_id='1' siblings='1'/>
                    <cpu id='2' socket_id='0' die_id='0' cluster_id='0' core_id='2' siblings='2'/>
                    <cpu id='3' socket_id='0' die_id='0' cluster_id='0' core_id='3' siblings='3'/>
                    <cpu id='4' socket_id='0' die_id='0' cluster_id='0' core_id='4' siblings='4'/>
                    <cpu id='5' socket_id='0' die_id='0' cluster_id='0' core_id='5' siblings='5'/>
                    <cpu id='6' socket_id='0' die_id='0' cluster_id='0' core_id='6' siblings='6'/>
                    <cpu id='7' socket_id='0' die_id='0' cluster_id='0' core_id='7' siblings='7'/>
                  </cpus>
                </cell>
                <cell id='1'>
                  <memory unit='KiB'>4194304</memory>
                  <pages unit='KiB' size='8'>524288</pages>
                  <pages unit='KiB' size='2048'>0</pages>
                  <pages unit='KiB' size='1048576'>0</pages>
                  <cpus num='8'>
                    <cpu id='8' socket_id='1' die_id='0' cluster_id='0' core_id='0' siblings='8'/>
                    <cpu id='9' socket_id='1' die_id='0' cluster_id='0' core_id='1' siblings='9'/>
                    <cpu id='10' socket_id='1' die_id='0' cluster_id='0' core_id='2' siblings='10'/>
                    <cpu id='11' socket_id='1' die_id='0' cluster_id='0' core_id='3' siblings='11'/>
                    <cpu id='12' socket_id='1' die_id='0' cluster_id='0' core_id='4' siblings='12'/>
                    <cpu id='13' socket_id='1' die_id='0' cluster_id='0' core_id='5' siblings='13'/>
                    <cpu id='14' socket_id='1' die_id='0' cluster_id='0' core_id='6' siblings='14'/>
                    <cpu id='15' socket_id='1' die_id='0' cluster_id='0' core_id='7' siblings='15'/>
                  </cpus>
                </cell>
              </cells>
            </topology>
            <secmodel>
              <model>testSecurity</model>
              <doi></doi>
            </secmodel>
          </host>

          <guest>
            <os_type>hvm</os_type>
            <arch name='i686'>
              <wordsize>32</wordsize>
              <emulator>/usr/bin/test-hv</emulator>
              <domain type='test'/>
            </arch>
            <features>
              <pae/>
              <nonpae/>
            </features>
          </guest>

          <guest>
            <os_type>xen</os_type>
            <arch name='i686'>
              <wordsize>32</wordsize>
              <emulator>/usr/bin/test-hv</emulator>
              <domain type='test'/>
            </arch>
            <features>
              <pae/>
              <nonpae/>
            </features>
          </guest>

        </capabilities>
    "#]]
    .assert_eq(&host.capabilities(call).unwrap());
}

#[test]
fn the_guest_of_the_default_host_is_libvirts() {
    let slots = default();
    let domains = slots.domains.unwrap();
    let call = Call::background();
    let uuid = domains.lookup_by_name(call, "test".to_owned()).unwrap().uuid;
    expect![[r#"
        <domain type='test' id='1'>
          <name>test</name>
          <uuid>6695eb01-f6a4-8304-79aa-97f2502e193f</uuid>
          <memory unit='KiB'>8388608</memory>
          <currentMemory unit='KiB'>2097152</currentMemory>
          <vcpu placement='static'>2</vcpu>
          <os>
            <type arch='i686'>hvm</type>
            <boot dev='hd'/>
          </os>
          <clock offset='utc'/>
          <on_poweroff>destroy</on_poweroff>
          <on_reboot>restart</on_reboot>
          <on_crash>destroy</on_crash>
          <devices>
            <disk type='file' device='disk'>
              <source file='/guest/diskimage1'/>
              <target dev='vda' bus='virtio'/>
              <address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>
            </disk>
            <interface type='network'>
              <mac address='aa:bb:cc:dd:ee:ff'/>
              <source network='default'/>
              <target dev='testnet0'/>
              <address type='pci' domain='0x0000' bus='0x00' slot='0x01' function='0x0'/>
            </interface>
            <memballoon model='virtio'>
              <address type='pci' domain='0x0000' bus='0x00' slot='0x02' function='0x0'/>
            </memballoon>
          </devices>
        </domain>
    "#]]
    .assert_eq(&domains.xml(call, uuid, DomainXml::empty()).unwrap());
    let error = domains.xml(call, uuid, DomainXml::UPDATE_CPU).unwrap_err();
    assert_eq!(error.to_string(), "unsupported flags (0x4) in function testDomainGetXMLDesc");
    let scope = CallScope::new().read_only(true);
    let error = scope.run(|call| domains.xml(call, uuid, DomainXml::SECURE)).unwrap_err();
    assert_eq!(error.to_string(), "operation forbidden: virDomainGetXMLDesc with secure flag");
}

#[test]
fn domain_capabilities_are_of_what_was_asked() {
    let host = default().host.unwrap();
    let ask = |request| host.domain_capabilities(Call::background(), request);
    let request = DomainCapabilitiesRequest {
        emulator: Some("/a&b".to_owned()),
        architecture: Some("x86_64".to_owned()),
        machine: Some("q35".to_owned()),
        virtualization: Some("kvm".to_owned()),
    };
    expect![[r#"
        <domainCapabilities>
          <path>/a&amp;b</path>
          <domain>kvm</domain>
          <machine>q35</machine>
          <arch>x86_64</arch>
          <cpu>
            <mode name='host-passthrough' supported='no'/>
            <mode name='maximum' supported='no'/>
            <mode name='host-model' supported='no'/>
            <mode name='custom' supported='no'/>
          </cpu>
          <devices>
          </devices>
          <features>
            <sev supported='no'/>
            <sgx supported='no'/>
          </features>
        </domainCapabilities>
    "#]]
    .assert_eq(&ask(request).unwrap());
    for (architecture, virtualization, sentence) in [
        (Some("foo"), None, "invalid argument: unknown architecture: foo"),
        (None, Some("foo"), "invalid argument: unknown virttype: foo"),
    ] {
        let request = DomainCapabilitiesRequest {
            architecture: architecture.map(str::to_owned),
            virtualization: virtualization.map(str::to_owned),
            ..DomainCapabilitiesRequest::default()
        };
        assert_eq!(ask(request).unwrap_err().to_string(), sentence);
    }
}

#[test]
fn connections_share_the_default_host_until_the_last_is_gone() {
    let driver = driver();
    let list = |slots: &Slots| slots.domains.as_ref().unwrap().list(Call::background(), ListDomains::empty());
    let first = open(&driver, "test:///default").unwrap();
    let second = open(&driver, "test:///default?x=y").unwrap();
    let define = first.domains.as_ref().unwrap();
    define.define(Call::background(), script::domain("d", ""), DefineDomain::empty()).unwrap();
    assert_eq!(list(&second).unwrap().len(), 2);
    drop((first, second));
    assert_eq!(list(&open(&driver, "test:///default").unwrap()).unwrap().len(), 1);
}

#[test]
fn what_cannot_be_opened_is_refused() {
    refused("test:///", expect!["8/12 invalid argument: testOpen: supply a path or use test:///default"]);
    refused(
        "test:///nonexistent",
        expect!["38/0 Failed to open file '/nonexistent': No such file or directory"],
    );
    refused("test:///usr", expect!["38/0 Failed to read file '/usr': Is a directory"]);
}

/// Opens a document: the list of its guests, or the error.
fn document(text: &str, expected: Expect) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let answer = match open(&driver(), &format!("test://{}", file.path().display())) {
        Ok(slots) => {
            let list = slots.domains.unwrap().list(Call::background(), ListDomains::empty()).unwrap();
            let show = |it: &DomainSummary| {
                let DomainSummary { name, id, state, persistent, managed_save, .. } = it;
                format!("{name} {id:?} {state} persistent={persistent} managed_save={managed_save}\n")
            };
            let node = slots.host.unwrap().node_info(Call::background()).unwrap();
            format!("{}{} {} KiB\n", list.iter().map(show).collect::<String>(), node.model, node.memory)
        }
        Err(error) => {
            let path = file.path().display().to_string();
            format!("{}/{} {}\n", error.code().0, error.domain().0, error.message().replace(&path, "FILE"))
        }
    };
    expected.assert_eq(&answer);
}

fn guest(own: &str) -> String {
    format!(
        "<node xmlns:test='http://libvirt.org/schemas/domain/test/1.0'><domain type='test'>{own}<name>a</name>\
         <memory>1024</memory><os><type>hvm</type></os></domain></node>"
    )
}

#[test]
fn documents_describe_hosts() {
    document(
        "<node/>",
        expect![[r#"
        i686 3145728 KiB
    "#]],
    );
    document(
        "<node><cpu><model>i986</model><nodes>4</nodes></cpu><memory>5</memory></node>",
        expect![[r#"
        i986 5 KiB
    "#]],
    );
    document(
        "<node><cpu><nodes>x</nodes></cpu></node>",
        expect![[r#"
        27/12 XML error: invalid node cpu nodes value
    "#]],
    );
    document(
        "<node><memory>-1</memory></node>",
        expect![[r#"
        27/12 XML error: invalid node memory value
    "#]],
    );
    document(
        "<foo/>",
        expect![[r#"
        27/5 XML error: expecting root element of 'node', not 'foo'
    "#]],
    );
    document(
        "<node>",
        expect![[r#"
        35/0 FILE:1: the root node was opened but never closed
    "#]],
    );
    document(
        "<node><domain type='test'/></node>",
        expect![[r#"
        21/20 missing name information
    "#]],
    );
    document(
        "<node><domain file='/nonexistent.xml'/></node>",
        expect![[r#"
        38/0 Failed to open file '/nonexistent.xml': No such file or directory
    "#]],
    );
    document(
        &guest(""),
        expect![[r#"
        a Some(1) running persistent=true managed_save=false
        i686 3145728 KiB
    "#]],
    );
    document(
        &guest("<test:runstate>3</test:runstate>"),
        expect![[r#"
        a Some(1) paused persistent=true managed_save=false
        i686 3145728 KiB
    "#]],
    );
    document(
        &guest("<test:runstate>99</test:runstate>"),
        expect![[r#"
        27/12 XML error: runstate '99' out of range'
    "#]],
    );
    document(
        &guest("<test:transient/>"),
        expect![[r#"
        a Some(1) running persistent=false managed_save=false
        i686 3145728 KiB
    "#]],
    );
    document(
        &guest("<test:runstate>5</test:runstate><test:transient/>"),
        expect![[r#"
        27/12 XML error: transient domain cannot have runstate 'shutoff'
    "#]],
    );
    document(
        &guest("<test:hasmanagedsave/>"),
        expect![[r#"
        27/12 XML error: domain with managedsave data can only have runstate 'shutoff'
    "#]],
    );
    document(
        &guest("<test:runstate>5</test:runstate><test:hasmanagedsave/>"),
        expect![[r#"
        a None shut off persistent=true managed_save=true
        i686 3145728 KiB
    "#]],
    );
}

#[test]
fn documents_name_files_beside_them() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    write("guest.xml", &script::domain("beside", ""));
    write("node.xml", "<node><domain file='guest.xml'/></node>");
    let path = directory.path().join("node.xml");
    let slots = open(&driver(), &format!("test://{}", Path::new(&path).display())).unwrap();
    let identity = slots.domains.unwrap().lookup_by_id(Call::background(), 1).unwrap();
    assert_eq!(identity.name, "beside");
}

/// Everything that comes until `text` does.
fn read_until(stream: &dyn Stream, text: &str) -> String {
    let mut seen = String::new();
    let scope = CallScope::new().within(Duration::from_secs(20));
    while !seen.contains(text) {
        let chunk = scope.run(|call| stream.receive(call, 1000)).unwrap();
        assert!(!chunk.end, "the console ended after {seen:?}");
        seen.push_str(&String::from_utf8(chunk.data).unwrap());
    }
    seen
}

#[test]
fn consoles_talk() {
    let slots = default();
    let (domains, console) = (slots.domains.unwrap(), slots.console.unwrap());
    let call = Call::background();
    let uuid = domains.lookup_by_name(call, "test".to_owned()).unwrap().uuid;
    let open =
        |device: Option<&str>, flags| console.open_console(call, uuid, device.map(str::to_owned), flags);
    let stream = open(None, OpenConsole::empty()).unwrap();
    // SAFETY: the stream, which outlives this, keeps its descriptor open.
    let descriptor = unsafe { BorrowedFd::borrow_raw(stream.descriptor(call).unwrap()) };
    let ready = || {
        let mut fds = [nix::poll::PollFd::new(descriptor.as_fd(), nix::poll::PollFlags::POLLIN)];
        nix::poll::poll(&mut fds, nix::poll::PollTimeout::ZERO).unwrap() == 1
    };
    assert!(ready());
    assert!(read_until(&*stream, "# ").starts_with("Booting simulated guest 'test'"));
    assert!(!ready());
    stream.send(call, b"echo hello\n".to_vec()).unwrap();
    assert_eq!(read_until(&*stream, "# "), "echo hello\r\nhello\r\n# ");
    let error = open(None, OpenConsole::empty()).map(drop).unwrap_err();
    assert_eq!(error.to_string(), "operation failed: Active console session exists for this domain");
    let error = open(Some("nothing"), OpenConsole::empty()).map(drop).unwrap_err();
    assert_eq!(error.to_string(), "internal error: cannot find console device 'nothing'");
    let second = open(Some("console0"), OpenConsole::FORCE).unwrap();
    assert!(stream.receive(call, 10).unwrap().end);
    second.send(call, b"poweroff\n".to_vec()).unwrap();
    assert_eq!(read_until(&*second, "down."), "poweroff\r\nThe system is going down.\r\n");
    assert!(second.receive(call, 10).unwrap().end);
    assert!(second.send(call, b"x".to_vec()).is_err());
    let status = slots.information.unwrap().status(call, uuid).unwrap();
    assert_eq!((status.state, status.reason), (DomainState::Shutoff, ShutoffReason::Shutdown.number()));
    let error = open(None, OpenConsole::empty()).map(drop).unwrap_err();
    assert_eq!(error.to_string(), "Requested operation is not valid: domain is not running");
}

#[test]
fn guests_go_with_the_connection_that_wanted_it() {
    let driver = driver();
    let (first, second) =
        (open(&driver, "test:///default").unwrap(), open(&driver, "test:///default").unwrap());
    let start = first.lifecycle.as_ref().unwrap();
    let xml = script::domain("d", "");
    start.create_xml(Call::background(), xml, vec![], StartDomain::AUTODESTROY).unwrap();
    let count =
        || second.domains.as_ref().unwrap().list(Call::background(), ListDomains::ACTIVE).unwrap().len();
    assert_eq!(count(), 2);
    first.session.close(Call::background()).unwrap();
    assert_eq!(count(), 1);
}

#[test]
fn hosts_start_and_stop_their_guests() {
    let slots = default();
    let (domains, care) = (slots.domains.unwrap(), slots.care.unwrap());
    let call = Call::background();
    let guest = domains.define(call, script::domain("d", ""), DefineDomain::empty()).unwrap().uuid;
    slots.lifecycle.unwrap().set_autostart(call, guest, true).unwrap();
    assert_eq!(care.host_start(call).unwrap(), Vec::<String>::new());
    assert_eq!(domains.list(call, ListDomains::RUNNING).unwrap().len(), 2);
    assert_eq!(care.host_stop(call).unwrap(), ["test: shut down", "d: shut down"]);
}

#[test]
fn screens_show_a_png() {
    let slots = default();
    let uuid = slots.domains.unwrap().lookup_by_id(Call::background(), 1).unwrap().uuid;
    let picture = slots.console.unwrap().screenshot(Call::background(), uuid, 0).unwrap();
    assert_eq!(picture.mime_type, "image/png");
    assert!(picture.data.starts_with(b"\x89PNG\r\n\x1a\n"));
}

#[test]
fn plans_say_what_a_start_would_do() {
    let planner = default().planner.unwrap();
    let xml = script::domain("d", "<uuid>11111111-2222-3333-4444-555555555555</uuid>");
    let plan = planner.plan_xml(Call::background(), xml, StartDomain::PAUSED).unwrap();
    let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
    expect![[r#"
        {
          "version": 1,
          "driver": "test",
          "domain": {
            "name": "d",
            "uuid": "11111111-2222-3333-4444-555555555555"
          },
          "steps": [
            {
              "action": "reserve-id",
              "id": "any",
              "description": "give the guest the next number of the host"
            },
            {
              "action": "simulate",
              "memory_kib": 65536,
              "vcpus": 2,
              "description": "let the guest 'd' be running"
            },
            {
              "action": "pause",
              "description": "stop its CPUs"
            }
          ],
          "command": [],
          "ignored": []
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&plan).unwrap());
}
