//! Secrets: what storage, networks and TPMs are opened with.

use std::sync::Arc;

use uuid::Uuid;

use super::*;
use crate::{SecretValue, driver_api};

driver_api! {
    /// Secrets: the role `secret`. A value is bytes; it never stands in a document.
    pub trait Secrets in secrets {
        /// Those that `filter` asks for, with everything a list shows.
        #[api(read, "virConnectListAllSecrets", since "1.0")]
        fn list(&self, call: &Call, filter: ListSecrets) -> Vec<SecretSummary>;
        /// The secret of this UUID.
        #[api(read, "virSecretLookupByUUID", since "1.0")]
        fn lookup_by_uuid(&self, call: &Call, uuid: Uuid) -> SecretSummary;
        /// The secret for this.
        #[api(read, "virSecretLookupByUsage", since "1.0")]
        fn lookup_by_usage(&self, call: &Call, kind: SecretUsageKind, usage: String) -> SecretSummary;
        /// Gives a secret a definition: a new one without a value, or another for one that is known, which keeps its value.
        #[api(write, "virSecretDefineXML", since "1.0")]
        fn define(&self, call: &Call, xml: String, flags: DefineSecret) -> SecretSummary;
        /// Removes a secret and its value.
        #[api(write, "virSecretUndefine", since "1.0")]
        fn undefine(&self, call: &Call, secret: Uuid) -> ();
        /// Its XML.
        #[api(read, "virSecretGetXMLDesc", since "1.0")]
        fn xml(&self, call: &Call, secret: Uuid) -> String;
        /// Gives it a value.
        #[api(write, "virSecretSetValue", since "1.0")]
        fn set_value(&self, call: &Call, secret: Uuid, value: SecretValue) -> ();
        /// Its value; that of a private secret is refused.
        #[api(secret, "virSecretGetValue", since "1.0")]
        fn value(&self, call: &Call, secret: Uuid) -> SecretValue;
        /// Its value, private or not, for drivers that open something with it. Applications have no way to call it.
        #[api(secret, "", since "1.0")]
        fn reveal(&self, call: &Call, secret: Uuid) -> SecretValue;
        /// From now on, or from the event of this number on where it is still kept. Kinds are [`SecretEventKind`].
        #[api(read, "virConnectSecretEventRegisterAny", since "1.0")]
        fn subscribe(&self, call: &Call, from: Option<u64>) -> Arc<dyn ObjectEventSource>;
    }
}
