//! Devices that come and go while a domain exists.

use uuid::Uuid;

use super::*;
use crate::driver_api;

driver_api! {
    /// Giving domains devices, taking them away, changing them. What a call affects is in its flags: the running guest,
    /// the definition, or both; with neither, what runs if the domain runs, else its definition.
    pub trait Devices in devices {
        /// Gives a domain the device that `xml` describes. The guest sees it when this returns, or soon after.
        #[api(write, "virDomainAttachDeviceFlags", since "1.0")]
        fn attach(&self, call: &Call, domain: Uuid, xml: String, flags: DeviceChange) -> ();
        /// Takes away the device that `xml` describes: by its address, its MAC address, its target or its alias. A running
        /// guest has to let go of it: when it has not soon, this returns all the same, and an event tells what came of it.
        #[api(write, "virDomainDetachDeviceFlags", since "1.0")]
        fn detach(&self, call: &Call, domain: Uuid, xml: String, flags: DeviceChange) -> ();
        /// Takes away the device of this alias.
        #[api(write, "virDomainDetachDeviceAlias", since "1.0")]
        fn detach_alias(&self, call: &Call, domain: Uuid, alias: String, flags: DeviceChange) -> ();
        /// Makes a device what `xml` says: the link of an interface, the medium of a drive.
        #[api(write, "virDomainUpdateDeviceFlags", since "1.0")]
        fn update(&self, call: &Call, domain: Uuid, xml: String, flags: DeviceChange) -> ();
    }
}
