//! Faults on demand, and what only a simulation has to offer: channels that echo, a configuration format of its own.

use std::time::{Duration, Instant};

use expect_test::expect;
use virt_core::driver::*;

use crate::script;

fn connect(uri: &str) -> Slots {
    script::open(&script::driver(), uri).unwrap()
}

fn default_guest(slots: &Slots) -> uuid::Uuid {
    let domains = slots.domains.as_ref().unwrap();
    domains.lookup_by_name(Call::background(), "test".into()).unwrap().uuid
}

fn refusal(uri: &str) -> String {
    script::open(&script::driver(), uri).map(drop).unwrap_err().to_string()
}

#[test]
fn a_call_fails_as_the_uri_asks() {
    let slots = connect("test:///default?fault=virDomainSuspend,code=38,after=1,times=1");
    let (lifecycle, guest) = (slots.lifecycle.as_ref().unwrap(), default_guest(&slots));
    let call = Call::background();
    lifecycle.suspend(call, guest).unwrap();
    lifecycle.resume(call, guest).unwrap();
    let error = lifecycle.suspend(call, guest).unwrap_err();
    assert_eq!((error.code(), error.domain()), (ErrorCode::SYSTEM_ERROR, ErrorDomain::TEST));
    assert_eq!(error.to_string(), "fault on demand in virDomainSuspend");
    // It struck as often as it should, and nothing happened when it did.
    lifecycle.suspend(call, guest).unwrap();
    lifecycle.resume(call, guest).unwrap();
}

#[test]
fn every_call_can_fail_and_several_in_different_ways() {
    let slots = connect("test:///default?fault=GuestCare::recover&fault=Lifecycle::reset,code=55");
    let call = Call::background();
    let error = slots.care.as_ref().unwrap().recover(call).unwrap_err();
    assert_eq!(error.to_string(), "internal error: fault on demand in GuestCare::recover");
    let guest = default_guest(&slots);
    let error = slots.lifecycle.as_ref().unwrap().reset(call, guest).unwrap_err();
    assert_eq!(error.to_string(), "Requested operation is not valid: fault on demand in virDomainReset");
    assert_eq!(
        refusal("test:///default?fault=virConnectOpen,code=5"),
        "no connection driver available for fault on demand in virConnectOpen"
    );
    // The first call is that which opens it.
    let slots = connect("test:///default?fault=*,after=2");
    slots.session.is_alive(call).unwrap();
    slots.session.is_alive(call).unwrap_err();
    slots.domains.as_ref().unwrap().list(call, ListDomains::empty()).unwrap_err();
}

#[test]
fn a_late_call_ends_at_its_deadline() {
    let slots = connect("test:///default?fault=virConnectGetVersion,delay=50");
    let began = Instant::now();
    slots.session.version(Call::background()).unwrap();
    assert!(began.elapsed() >= Duration::from_millis(50));
    let slots = connect("test:///default?fault=virConnectGetVersion,delay=600000");
    let scope = CallScope::new().within(Duration::from_millis(20));
    let error = scope.run(|call| slots.session.version(call)).unwrap_err();
    assert_eq!(error.to_string(), "Timed out during operation: a delay on demand");
    // And when the caller gives it up.
    let cancellation = Cancellation::new().unwrap();
    cancellation.cancel();
    let scope = CallScope::new().cancelled_by(cancellation);
    let error = scope.run(|call| slots.session.version(call)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::OPERATION_ABORTED);
}

#[test]
#[should_panic(expected = "fault on demand in virConnectGetVersion")]
fn a_driver_can_be_made_to_panic() {
    // What surrounds a driver makes an error of it; here there is nothing around it.
    let _ = connect("test:///default?fault=virConnectGetVersion,panic").session.version(Call::background());
}

#[test]
fn faults_can_stand_in_a_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, "# none\n\nvirNetworkCreate,code=38\n virStorageVolWipePattern,code=9,times=1\n")
        .unwrap();
    let slots = connect(&format!("test:///default?faults={}", file.path().display()));
    let network = slots.networks.unwrap();
    let uuid = network.lookup_by_name(Call::background(), "default".into()).unwrap().uuid;
    let error = network.create(Call::background(), uuid).unwrap_err();
    assert_eq!(error.code(), ErrorCode::SYSTEM_ERROR);
    assert_eq!(
        refusal("test:///default?faults=/no/such/file"),
        "Failed to open file '/no/such/file': No such file or directory"
    );
}

#[test]
fn a_fault_that_nobody_understands_is_refused() {
    expect![[r"
        invalid argument: fault 'virDomainFly': there is no method 'virDomainFly'
        invalid argument: fault '*,code=many': 'code=many' has no number
        invalid argument: fault '*,colour=1': 'colour=1' is none of code, delay, after, times and panic
    "]]
    .assert_eq(
        &["virDomainFly", "*,code=many", "*,colour=1"]
            .map(|fault| refusal(&format!("test:///default?fault={fault}")) + "\n")
            .concat(),
    );
}

#[test]
fn a_channel_sends_back_what_it_is_sent() {
    let slots = connect("test:///default");
    let call = Call::background();
    let (lifecycle, console) = (slots.lifecycle.as_ref().unwrap(), slots.console.as_ref().unwrap());
    let xml = script::domain(
        "talkative",
        "<devices><channel type='unix'><target type='virtio' name='org.example.0'/></channel></devices>",
    );
    let guest = lifecycle.create_xml(call, xml, vec![], StartDomain::empty()).unwrap().uuid;
    let open = |name: Option<&str>, flags| console.open_channel(call, guest, name.map(str::to_owned), flags);
    let stream = open(Some("org.example.0"), OpenConsole::empty()).unwrap();
    assert_eq!(stream.send(call, b"ping\n".to_vec()).unwrap(), 5);
    assert_eq!(stream.receive(call, 100).unwrap().data, b"ping\n");
    let error = open(None, OpenConsole::empty()).map(drop).unwrap_err();
    assert_eq!(error.to_string(), "operation failed: Active channel stream exists for this domain");
    open(None, OpenConsole::FORCE).unwrap();
    assert!(stream.receive(call, 100).unwrap().end);
    let error = open(Some("nobody"), OpenConsole::empty()).map(drop).unwrap_err();
    assert_eq!(error.to_string(), "internal error: cannot find channel nobody");
    let stream = open(None, OpenConsole::FORCE).unwrap();
    lifecycle.destroy(call, guest, DestroyDomain::empty()).unwrap();
    assert!(stream.receive(call, 100).unwrap().end);
}

#[test]
fn its_own_configuration_becomes_xml_and_comes_back() {
    let slots = connect("test:///default");
    let (native, call) = (slots.native.as_ref().unwrap(), Call::background());
    let configuration = "name = a<b\nuuid = 6695eb01-f6a4-8304-79aa-97f2502e1900\nmaximum-memory = 65536\n\
                         memory = 32768\nvcpus = 3\n";
    let commented = format!("# a guest\n\n{configuration}");
    let xml = native.xml_from_native(call, "test-config".into(), commented).unwrap();
    expect![[r#"
        <domain type='test'>
          <name>a&lt;b</name>
          <uuid>6695eb01-f6a4-8304-79aa-97f2502e1900</uuid>
          <memory unit='KiB'>65536</memory>
          <currentMemory unit='KiB'>32768</currentMemory>
          <vcpu placement='static'>3</vcpu>
          <os>
            <type arch='i686'>hvm</type>
            <boot dev='hd'/>
          </os>
          <clock offset='utc'/>
          <on_poweroff>destroy</on_poweroff>
          <on_reboot>restart</on_reboot>
          <on_crash>destroy</on_crash>
          <devices>
          </devices>
        </domain>
    "#]]
    .assert_eq(&xml);
    assert_eq!(native.xml_to_native(call, "test-config".into(), xml.clone()).unwrap(), configuration);
    let error = native.xml_to_native(call, "qemu-argv".into(), xml).unwrap_err();
    assert_eq!(error.to_string(), "invalid argument: unsupported config type qemu-argv");
    let error = native.xml_from_native(call, "test-config".into(), "disk = x".into()).unwrap_err();
    assert_eq!(error.to_string(), "invalid argument: there is no setting 'disk'");
}

#[test]
fn cpu_models_are_those_of_the_architecture() {
    let slots = connect("test:///default");
    let models = |architecture: &str| {
        slots.host.as_ref().unwrap().cpu_models(Call::background(), architecture.to_owned())
    };
    assert!(models("x86_64").unwrap().iter().any(|model| model == "EPYC"));
    assert_eq!(models("ppc64le").unwrap()[0], "POWER6");
    assert!(models("aarch64").unwrap().is_empty());
    let error = models("mips").unwrap_err().to_string();
    assert!(error.ends_with("'mips' architecture is not supported by CPU driver"), "{error}");
    assert_eq!(models("pdp11").unwrap_err().to_string(), "invalid argument: cannot find architecture pdp11");
}
