//! How a plugin is entered: the module that every plugin exports, and the macro that exports it.

use abi_stable::StableAbi;
use abi_stable::library::RootModule;
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::{RBox, RResult, RStr};

use crate::error::ErrorRecord;
use crate::logging::LogRecord;
use crate::{Driver, Host, Manifest, Result, driver, host_services};

/// What a driver crate offers: who it is and how to make one. Register it in a host, or export it from a cdylib with
/// [`crate::export_driver!`].
pub trait DriverEntry: Driver + Sized {
    /// Who it is.
    const MANIFEST: Manifest;

    /// Makes the driver. Called once in a process, before the first connection.
    ///
    /// # Errors
    ///
    /// When the driver cannot work here at all; the host shows the error wherever a connection would need it.
    fn create(host: Host) -> Result<Self>;
}

/// What the host gives to a plugin at its first use.
#[repr(C)]
#[derive(StableAbi)]
pub struct InitArguments {
    /// The host's services.
    pub host: host_services::Object,
    /// Where log records go.
    pub logger: extern "C" fn(LogRecord<'_>),
    /// Which records the host wants: 0 (none) to 5 (trace).
    pub level: u32,
}

/// What a plugin exports.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = DriverModuleRef, prefix_fields = DriverModulePrefix)))]
#[sabi(missing_field(option))]
pub struct DriverModule {
    /// [`Manifest::encode`], as it stands in the file.
    pub manifest: RStr<'static>,
    /// Makes the driver; called once.
    pub init: extern "C" fn(InitArguments) -> RResult<driver::Object, RBox<ErrorRecord>>,
    /// Tells the plugin which records the host wants.
    #[sabi(last_prefix_field)]
    pub set_log_level: extern "C" fn(u32),
}

impl RootModule for DriverModuleRef {
    abi_stable::declare_root_module_statics! {DriverModuleRef}
    const BASE_NAME: &'static str = "virt_driver";
    const NAME: &'static str = "virt-driver";
    const VERSION_STRINGS: VersionStrings = abi_stable::package_version_strings!();
}

/// The symbol that every plugin exports.
#[cfg(feature = "loader")]
pub(crate) const SYMBOL: &str = "virt_driver_module_v1";

/// Makes a cdylib a plugin: `virt_core::export_driver!(virt_driver_test::TestDriver);` is its whole source.
///
/// Exports the module symbol, writes the manifest into a section of the file, forwards log records and the words of
/// panics to the host. A panic in the driver becomes an error; `panic = "abort"` is refused at compile time.
#[macro_export]
macro_rules! export_driver {
    ($driver:ty) => {
        const _: () = {
            use $crate::private::abi_stable::library::{CheckTypeLayout, LibHeader, RootModuleResult};
            use $crate::private::abi_stable::prefix_type::PrefixTypeTrait;
            use $crate::private::abi_stable::std_types::{RBox, RResult, RStr};

            #[cfg(panic = "abort")]
            compile_error!("a driver must be built with panic = \"unwind\": its panics become errors");

            #[used]
            #[unsafe(link_section = ".virt.driver")]
            static MANIFEST: [u8; $crate::manifest::SIZE] =
                <$driver as $crate::DriverEntry>::MANIFEST.encode();

            extern "C" fn init(
                arguments: $crate::private::InitArguments,
            ) -> RResult<$crate::driver::Object, RBox<$crate::private::ErrorRecord>> {
                $crate::private::guard("init", || {
                    $crate::private::logging::forward_to(arguments.logger, arguments.level);
                    let host = $crate::Cross::from_abi(arguments.host);
                    let driver = <$driver as $crate::DriverEntry>::create(host)?;
                    Ok(std::sync::Arc::new(driver) as std::sync::Arc<dyn $crate::Driver>)
                })
            }

            extern "C" fn set_log_level(level: u32) {
                $crate::private::log::set_max_level($crate::private::logging::level_filter(level));
            }

            fn module() -> $crate::private::DriverModuleRef {
                // The static stays referenced, so that no linker drops its section.
                let manifest = RStr::from_str(std::str::from_utf8(&MANIFEST).unwrap_or_default());
                $crate::private::DriverModule { manifest, init, set_log_level }.leak_into_prefix()
            }

            extern "C" fn erased() -> RootModuleResult {
                $crate::private::abi_stable::library::__call_root_module_loader(module)
            }

            // SAFETY: the name is this crate's own, and the type is the one that hosts expect behind it.
            #[unsafe(export_name = "virt_driver_module_v1")]
            static HEADER: LibHeader =
                // SAFETY: `erased` returns a `DriverModuleRef`.
                unsafe {
                    LibHeader::from_constructor::<$crate::private::DriverModuleRef>(
                        erased,
                        CheckTypeLayout::Yes,
                    )
                };
        };
    };
}
