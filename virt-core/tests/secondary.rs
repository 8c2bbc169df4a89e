//! What a connection has of other drivers of its host than its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use virt_core::driver::*;
use virt_core::{Connection, Registry};

/// A driver that is this and nothing else.
macro_rules! driver {
    ($name:ident, $word:literal, $schemes:expr, $roles:expr, $open:expr) => {
        struct $name;

        impl DriverEntry for $name {
            const MANIFEST: Manifest = Manifest {
                name: $word,
                version: "1.0.0",
                description: "For a test",
                schemes: $schemes,
                roles: $roles,
            };
            fn create(_: Host) -> Result<Self> {
                Ok(Self)
            }
        }

        impl Driver for $name {
            fn open(&self, _: &Call, request: OpenRequest) -> Result<Slots> {
                let open: fn(OpenRequest) -> Result<Slots> = $open;
                open(request)
            }
        }
    };
}

/// A connection, whose only device is called like what it was opened for.
struct Devices(String);

impl Session for Devices {
    fn close(&self, _: &Call) -> Result<()> {
        CLOSED.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

impl NodeDevices for Devices {
    fn names(&self, _: &Call, _: Option<String>) -> Result<Vec<String>> {
        Ok(vec![self.0.clone()])
    }

    fn reset(&self, _: &Call, _: String) -> Result<()> {
        Ok(())
    }

    fn lookup_by_name(&self, _: &Call, name: String) -> Result<NodeDeviceSummary> {
        Ok(NodeDeviceSummary { name, parent: None, active: true, persistent: false, autostart: false })
    }
}

static OPENED: AtomicU32 = AtomicU32::new(0);
static CLOSED: AtomicU32 = AtomicU32::new(0);

struct Plain;
impl Session for Plain {}

fn secondary(request: OpenRequest) -> Result<Slots> {
    OPENED.fetch_add(1, Ordering::Relaxed);
    let devices = Arc::new(Devices(request.uri));
    Ok(Slots::new(devices.clone()).with_node_devices(devices))
}

driver!(Hypervisor, "hypervisor", &["some"], &["hypervisor"], |_| Ok(Slots::new(Arc::new(Plain))));
driver!(Alone, "alone", &["simulated"], &["hypervisor", "alone"], |_| Ok(Slots::new(Arc::new(Plain))));
driver!(Full, "full", &["full"], &["hypervisor"], |_| {
    Ok(Slots::new(Arc::new(Plain)).with_node_devices(Arc::new(Devices("own".to_owned()))))
});
driver!(Secondary, "secondary", &[], &["nodedev"], secondary);
driver!(Rival, "rival", &["some"], &["hypervisor", "nodedev"], |_| {
    Ok(Slots::new(Arc::new(Plain)).with_node_devices(Arc::new(Devices("the rival's".to_owned()))))
});

fn registry() -> Registry {
    let registry = Registry::empty();
    registry.register::<Hypervisor>().unwrap();
    registry.register::<Alone>().unwrap();
    registry.register::<Full>().unwrap();
    registry
}

fn open(registry: &Registry, uri: &str) -> Connection {
    Connection::builder().uri(uri).registry(registry).open().unwrap()
}

/// One test, because the drivers count for the whole process.
#[test]
fn what_a_driver_lacks_comes_from_another_of_the_same_host() {
    let registry = registry();
    let connection = open(&registry, "some:///system");
    let error = connection.node_device_names(None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "this function is not supported by the connection driver: virNodeListDevices"
    );

    registry.register::<Secondary>().unwrap();
    let connection = open(&registry, "some:///system?root=/a");
    assert_eq!(OPENED.load(Ordering::Relaxed), 0, "nobody has asked yet");
    assert_eq!(connection.node_device_names(None).unwrap(), ["some:///system?root=/a"]);
    assert_eq!(connection.clone().node_device_names(None).unwrap(), ["some:///system?root=/a"]);
    assert_eq!(OPENED.load(Ordering::Relaxed), 1);
    drop(connection);
    assert_eq!(CLOSED.load(Ordering::Relaxed), 1);

    assert_eq!(open(&registry, "full:///").node_device_names(None).unwrap(), ["own"]);
    assert!(open(&registry, "simulated:///").node_device_names(None).is_err());

    let reader =
        Connection::builder().uri("some:///system").registry(&registry).read_only(true).open().unwrap();
    let error = reader.node_device_by_name("x").unwrap().reset().unwrap_err();
    assert_eq!(error.to_string(), "operation forbidden: read only access prevents virNodeDeviceReset");

    // By itself, under the name of its role.
    assert_eq!(open(&registry, "nodedev:///system").node_device_names(None).unwrap(), ["nodedev:///system"]);
}

#[test]
fn of_several_drivers_for_one_thing_the_one_that_is_named_is_used() {
    let registry = registry();
    registry.register::<Rival>().unwrap();
    let taken = registry.register::<Rival>().unwrap_err();
    assert_eq!(
        taken.to_string(),
        "operation failed: cannot register driver 'rival': its name is already taken"
    );
    let error = Connection::builder().uri("some:///system").registry(&registry).open().map(drop).unwrap_err();
    assert_eq!(error.code(), ErrorCode::CONFIG_UNSUPPORTED);
    let error = error.to_string();
    assert!(error.contains("several drivers serve URI scheme 'some'"), "{error}");
    assert!(error.contains("hypervisor") && error.contains("rival"), "{error}");
    registry.prefer("some", "rival");
    assert_eq!(open(&registry, "some:///system").node_device_names(None).unwrap(), ["the rival's"]);
    registry.prefer("some", "hypervisor");
    assert_eq!(
        open(&registry, "some:///system").node_device_names(None).unwrap(),
        ["the rival's"],
        "its role"
    );
}
