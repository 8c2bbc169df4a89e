//! Domains: finding, defining, describing.

use uuid::Uuid;

use super::*;
use crate::driver_api;

driver_api! {
    /// Finding, defining and describing domains.
    pub trait Domains in domains {
        /// Those that `filter` asks for, with everything a list shows.
        #[api(read, "virConnectListAllDomains", since "1.0")]
        fn list(&self, call: &Call, filter: ListDomains) -> Vec<DomainSummary>;
        /// The domain of this name.
        #[api(read, "virDomainLookupByName", since "1.0")]
        fn lookup_by_name(&self, call: &Call, name: String) -> DomainIdentity;
        /// The domain of this UUID.
        #[api(read, "virDomainLookupByUUID", since "1.0")]
        fn lookup_by_uuid(&self, call: &Call, uuid: Uuid) -> DomainIdentity;
        /// The running domain of this number.
        #[api(read, "virDomainLookupByID", since "1.0")]
        fn lookup_by_id(&self, call: &Call, id: u32) -> DomainIdentity;
        /// Gives a domain a definition: a new one, or another for the next start.
        #[api(write, "virDomainDefineXMLFlags", since "1.0")]
        fn define(&self, call: &Call, xml: String, flags: DefineDomain) -> DomainIdentity;
        /// Takes its definition away: an active domain becomes transient, an inactive one is gone.
        #[api(write, "virDomainUndefineFlags", since "1.0")]
        fn undefine(&self, call: &Call, domain: Uuid, flags: UndefineDomain) -> ();
        /// Its XML. `SECURE` needs a connection that may write; the driver checks that.
        #[api(read, "virDomainGetXMLDesc", since "1.0")]
        fn xml(&self, call: &Call, domain: Uuid, flags: DomainXml) -> String;
        /// Gives an inactive domain another name.
        #[api(write, "virDomainRename", since "1.0")]
        fn rename(&self, call: &Call, domain: Uuid, name: String) -> ();
        /// A title, a description or an element of `<metadata>`; `namespace` for elements.
        #[api(read, "virDomainGetMetadata", since "1.0")]
        fn metadata(&self, call: &Call, domain: Uuid, kind: MetadataKind, namespace: Option<String>, affect: Affect)
            -> String;
        /// Sets it, or removes it.
        #[api(write, "virDomainSetMetadata", since "1.0")]
        fn set_metadata(&self, call: &Call, domain: Uuid, change: MetadataChange, affect: Affect) -> ();
    }
}

driver_api! {
    /// What domains are doing.
    pub trait DomainInformation in domain_information {
        /// State, memory, vCPUs and CPU time.
        #[api(read, "virDomainGetInfo", since "1.0")]
        fn info(&self, call: &Call, domain: Uuid) -> DomainInfo;
        /// The state, and why.
        #[api(read, "virDomainGetState", since "1.0")]
        fn status(&self, call: &Call, domain: Uuid) -> DomainStatus;
        /// Everything a list shows.
        #[api(read, "virDomainIsPersistent", since "1.0")]
        fn summary(&self, call: &Call, domain: Uuid) -> DomainSummary;
        /// Whether its definition differs from what runs.
        #[api(read, "virDomainIsUpdated", since "1.0")]
        fn is_updated(&self, call: &Call, domain: Uuid) -> bool;
        /// `hvm`, `exe` ...
        #[api(read, "virDomainGetOSType", since "1.0")]
        fn os_type(&self, call: &Call, domain: Uuid) -> String;
        /// What its user should know, a sentence each.
        #[api(read, "virDomainGetMessages", since "1.0")]
        fn messages(&self, call: &Call, domain: Uuid, kinds: DomainMessages) -> Vec<String>;
    }
}
