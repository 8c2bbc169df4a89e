//! What a host's security model makes of domains.

use uuid::Uuid;

use super::*;
use crate::driver_api;

driver_api! {
    /// The host's security model, and the labels that it gives to domains.
    pub trait Security in security {
        /// The first model of the host.
        #[api(read, "virNodeGetSecurityModel", since "1.0")]
        fn model(&self, call: &Call) -> SecurityModel;
        /// The label of a domain under that model; empty while it does not run.
        #[api(read, "virDomainGetSecurityLabel", since "1.0")]
        fn label(&self, call: &Call, domain: Uuid) -> SecurityLabel;
        /// The labels of a domain, one a model.
        #[api(read, "virDomainGetSecurityLabelList", since "1.0")]
        fn labels(&self, call: &Call, domain: Uuid) -> Vec<SecurityLabel>;
    }
}
