//! Plans, jobs, events, and the care for guests that no client looks after.

use std::sync::Arc;

use uuid::Uuid;

use super::*;
use crate::driver_api;

driver_api! {
    /// What a start would do, without doing it.
    pub trait Planner in planner {
        /// The plan of starting a domain, as JSON: `{"version": 1, "steps": [..], "command": [..], ..}`. What is chosen
        /// only at the start (any free port, any VF) stays symbolic.
        #[api(read, "", since "1.0")]
        fn plan(&self, call: &Call, domain: Uuid, flags: StartDomain) -> String;
        /// The plan of starting a domain that is not defined.
        #[api(read, "", since "1.0")]
        fn plan_xml(&self, call: &Call, xml: String, flags: StartDomain) -> String;
    }
}

driver_api! {
    /// Work that goes on in domains.
    pub trait Jobs in jobs {
        /// What goes on, or the job that ended last.
        #[api(read, "virDomainGetJobStats", since "1.0")]
        fn job(&self, call: &Call, domain: Uuid, completed: bool) -> DomainJob;
        /// Gives it up.
        #[api(write, "virDomainAbortJobFlags", since "1.0")]
        fn abort_job(&self, call: &Call, domain: Uuid) -> ();
    }
}

driver_api! {
    /// Telling what happens, to any number of readers.
    pub trait Events in events {
        /// From now on, or from the event of this number on where it is still kept.
        #[api(read, "virConnectDomainEventRegisterAny", since "1.0")]
        fn subscribe(&self, call: &Call, from: Option<u64>) -> Arc<dyn EventSource>;
    }
}

driver_api! {
    /// A reader of events. Every reader gets every event.
    pub trait EventSource in event_source {
        /// The next events: waits for the first until the call's deadline, then takes what is there, at most `limit`.
        #[api(read, "", since "1.0")]
        fn next(&self, call: &Call, limit: u32) -> EventBatch;
        /// A descriptor for poll(2), readable when `next` may have something. It belongs to the source.
        #[api(read, "", since "1.0")]
        fn descriptor(&self, call: &Call) -> i32;
    }
}

driver_api! {
    /// A reader of events of what is no domain: node devices, networks, storage pools, secrets. Every reader gets every
    /// event of its kind.
    pub trait ObjectEventSource in object_event_source {
        /// The next events: waits for the first until the call's deadline, then takes what is there, at most `limit`.
        #[api(read, "", since "1.0")]
        fn next(&self, call: &Call, limit: u32) -> ObjectEventBatch;
        /// A descriptor for poll(2), readable when `next` may have something. It belongs to the source.
        #[api(read, "", since "1.0")]
        fn descriptor(&self, call: &Call) -> i32;
    }
}

driver_api! {
    /// The care for guests that no client looks after.
    pub trait GuestCare in guest_care {
        /// A guest has ended: carries out what its definition says about that, gives back what it held, writes the
        /// event. Called by the process that stayed with it; harmless when somebody else was faster.
        #[api(write, "", since "1.0")]
        fn finish(&self, call: &Call, domain: Uuid) -> ();
        /// Undoes what processes that died left half done; answers what was done, one line each.
        #[api(write, "", since "1.0")]
        fn recover(&self, call: &Call) -> Vec<String>;
        /// Starts every domain that starts with the host; answers the errors of those that did not.
        #[api(write, "", since "1.0")]
        fn host_start(&self, call: &Call) -> Vec<String>;
        /// Shuts every guest down because the host goes down, within the call's deadline; answers what happened to each.
        #[api(write, "", since "1.0")]
        fn host_stop(&self, call: &Call) -> Vec<String>;
    }
}
