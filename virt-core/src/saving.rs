//! Domains whose memory is kept in files.

use plugins_abi::{DumpDomain, DumpFormat, SaveDomain, SaveImageXml, saving};
use virt_util::Result;

use crate::connection::{Connection, slot};
use crate::domain::{Domain, calls};

impl Domain {
    calls! {
        /// Stops it and keeps its memory where its next start finds it.
        ///
        /// ```
        /// # let registry = virt_core::Registry::empty();
        /// # registry.register::<virt_driver_test::TestDriver>()?;
        /// # let connection = virt_core::Connection::builder().uri("test:///default").registry(&registry).open()?;
        /// use virt_core::{SaveDomain, StartDomain};
        ///
        /// let guest = connection.domain_by_name("test")?;
        /// guest.managed_save(SaveDomain::empty())?;
        /// assert!(guest.has_managed_save()?);
        /// guest.start(StartDomain::empty())?;
        /// assert!(!guest.has_managed_save()?);
        /// # Ok::<(), virt_core::Error>(())
        /// ```
        ///
        /// # Errors
        ///
        /// `OPERATION_INVALID` when it is not running, or transient.
        fn managed_save(flags: SaveDomain) -> () = saving, saving::managed_save;
        /// Whether its next start goes on from saved memory.
        ///
        /// # Errors
        ///
        /// `NO_DOMAIN` when it is gone.
        fn has_managed_save() -> bool = saving, saving::has_managed_save;
        /// Removes what was saved. That there is nothing is no error.
        ///
        /// # Errors
        ///
        /// `NO_DOMAIN` when it is gone.
        fn remove_managed_save() -> () = saving, saving::remove_managed_save;
        /// The XML in what was saved.
        ///
        /// # Errors
        ///
        /// `OPERATION_INVALID` when nothing was.
        fn managed_save_xml(flags: SaveImageXml) -> String = saving, saving::managed_save_xml;
    }

    /// Puts other XML into what was saved.
    ///
    /// # Errors
    ///
    /// `OPERATION_INVALID` when nothing was; `XML_ERROR` and its kin.
    pub fn define_managed_save_xml(&self, xml: &str, flags: SaveDomain) -> Result<()> {
        let connection = self.connection();
        self.ask(|call| {
            slot!(connection, saving, saving::define_managed_save_xml)?.define_managed_save_xml(
                call,
                self.uuid(),
                xml.to_owned(),
                flags,
            )
        })
    }

    /// Stops it and keeps its memory in a file, with this XML for who restores it, or its own.
    ///
    /// # Errors
    ///
    /// `OPERATION_INVALID` when it is not running; what the file system says.
    pub fn save(&self, path: &str, xml: Option<&str>, flags: SaveDomain) -> Result<()> {
        let (connection, xml) = (self.connection(), xml.map(str::to_owned));
        self.ask(|call| {
            slot!(connection, saving, saving::save)?.save(call, self.uuid(), path.to_owned(), xml, flags)
        })
    }

    /// Writes its memory to a file.
    ///
    /// # Errors
    ///
    /// `OPERATION_INVALID` when it is not running; what the file system says.
    pub fn core_dump(&self, path: &str, format: DumpFormat, flags: DumpDomain) -> Result<()> {
        let connection = self.connection();
        self.ask(|call| {
            slot!(connection, saving, saving::core_dump)?.core_dump(
                call,
                self.uuid(),
                path.to_owned(),
                format,
                flags,
            )
        })
    }
}

impl Connection {
    /// Lets a domain go on from a file that [`Domain::save`] made, as this XML has it or as the file has.
    ///
    /// # Errors
    ///
    /// `OPERATION_INVALID` when the domain runs; what the file system says.
    pub fn restore_domain(&self, path: &str, xml: Option<&str>, flags: SaveDomain) -> Result<()> {
        let xml = xml.map(str::to_owned);
        self.call(|call| slot!(self, saving, saving::restore)?.restore(call, path.to_owned(), xml, flags))
    }

    /// The XML in such a file.
    ///
    /// # Errors
    ///
    /// What the file system says.
    pub fn save_image_xml(&self, path: &str, flags: SaveImageXml) -> Result<String> {
        self.call(|call| slot!(self, saving, saving::image_xml)?.image_xml(call, path.to_owned(), flags))
    }

    /// Puts other XML into such a file.
    ///
    /// # Errors
    ///
    /// `XML_ERROR` and its kin; what the file system says.
    pub fn define_save_image_xml(&self, path: &str, xml: &str, flags: SaveDomain) -> Result<()> {
        let (path, xml) = (path.to_owned(), xml.to_owned());
        self.call(|call| {
            slot!(self, saving, saving::define_image_xml)?.define_image_xml(call, path, xml, flags)
        })
    }
}
