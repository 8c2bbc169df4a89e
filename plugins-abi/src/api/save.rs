//! Domains whose memory is kept in files.

use uuid::Uuid;

use super::*;
use crate::driver_api;

driver_api! {
    /// Saving the memory of domains, and going on from it.
    pub trait Saving in saving {
        /// Stops a domain and keeps its memory where its next start finds it.
        #[api(write, "virDomainManagedSave", since "1.0")]
        fn managed_save(&self, call: &Call, domain: Uuid, flags: SaveDomain) -> ();
        /// Whether there is such an image.
        #[api(read, "virDomainHasManagedSaveImage", since "1.0")]
        fn has_managed_save(&self, call: &Call, domain: Uuid) -> bool;
        /// Removes it. That there is none is no error.
        #[api(write, "virDomainManagedSaveRemove", since "1.0")]
        fn remove_managed_save(&self, call: &Call, domain: Uuid) -> ();
        /// The XML in it.
        #[api(read, "virDomainManagedSaveGetXMLDesc", since "1.0")]
        fn managed_save_xml(&self, call: &Call, domain: Uuid, flags: SaveImageXml) -> String;
        /// Puts other XML there.
        #[api(write, "virDomainManagedSaveDefineXML", since "1.0")]
        fn define_managed_save_xml(&self, call: &Call, domain: Uuid, xml: String, flags: SaveDomain) -> ();
        /// Stops a domain and keeps its memory in a file, with this XML for who restores it, or its own.
        #[api(write, "virDomainSaveFlags", since "1.0")]
        fn save(&self, call: &Call, domain: Uuid, path: String, xml: Option<String>, flags: SaveDomain) -> ();
        /// Lets a domain go on from such a file, as this XML has it or as the file has.
        #[api(write, "virDomainRestoreFlags", since "1.0")]
        fn restore(&self, call: &Call, path: String, xml: Option<String>, flags: SaveDomain) -> ();
        /// The XML in such a file.
        #[api(write, "virDomainSaveImageGetXMLDesc", since "1.0")]
        fn image_xml(&self, call: &Call, path: String, flags: SaveImageXml) -> String;
        /// Puts other XML there.
        #[api(write, "virDomainSaveImageDefineXML", since "1.0")]
        fn define_image_xml(&self, call: &Call, path: String, xml: String, flags: SaveDomain) -> ();
        /// Writes the memory of a domain to a file, for who looks for a mistake.
        #[api(write, "virDomainCoreDumpWithFormat", since "1.0")]
        fn core_dump(&self, call: &Call, domain: Uuid, path: String, format: DumpFormat, flags: DumpDomain) -> ();
    }
}
