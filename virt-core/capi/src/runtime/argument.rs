//! Arguments: what C gives, as what a body wants.

use std::ffi::{CStr, c_char, c_int, c_uchar, c_uint};
use std::ptr::NonNull;

use uuid::Uuid;
use virt_util::{ErrorCode, ErrorDomain, Result};

use super::entry::Function;
use super::object::{Kind, Object};
use crate::error;

/// What a body can be given where C gives a `C`.
pub(crate) trait Argument<C>: Sized {
    /// Makes it of what C gave for the argument of this name.
    ///
    /// # Errors
    ///
    /// `INVALID_ARG` and its kin for what the body cannot have.
    ///
    /// # Safety
    ///
    /// What C gave is what the prototype says, and stays so until the function returns.
    unsafe fn take(function: Function, given: C, name: &str) -> Result<Self>;
}

/// As [`Argument::take`], with the types inferred.
///
/// # Errors
///
/// As there.
///
/// # Safety
///
/// As there.
pub(crate) unsafe fn take<C, A: Argument<C>>(function: Function, given: C, name: &str) -> Result<A> {
    // SAFETY: the caller's promise.
    unsafe { A::take(function, given, name) }
}

macro_rules! as_it_is {
    ($($ty:ty),*) => {$(
        impl Argument<$ty> for $ty {
            unsafe fn take(_: Function, given: $ty, _: &str) -> Result<Self> {
                Ok(given)
            }
        }
    )*};
}
as_it_is!(i32, u32, i64, u64, usize, f64);

/// Pointers that the body looks at itself.
impl<T> Argument<*mut T> for *mut T {
    unsafe fn take(_: Function, given: *mut T, _: &str) -> Result<Self> {
        Ok(given)
    }
}

impl<T> Argument<*const T> for *const T {
    unsafe fn take(_: Function, given: *const T, _: &str) -> Result<Self> {
        Ok(given)
    }
}

impl Argument<c_int> for bool {
    unsafe fn take(_: Function, given: c_int, _: &str) -> Result<Self> {
        Ok(given != 0)
    }
}

/// A function of the application's, or none.
impl<F> Argument<Option<F>> for Option<F> {
    unsafe fn take(_: Function, given: Option<F>, _: &str) -> Result<Self> {
        Ok(given)
    }
}

/// A function of the application's; NULL is refused.
pub(crate) struct Callback<F>(pub(crate) F);

impl<F> Argument<Option<F>> for Callback<F> {
    unsafe fn take(function: Function, given: Option<F>, name: &str) -> Result<Self> {
        given.map(Callback).ok_or_else(|| function.null(name))
    }
}

/// Text; NULL is refused.
impl Argument<*const c_char> for &str {
    unsafe fn take(function: Function, given: *const c_char, name: &str) -> Result<Self> {
        // SAFETY: the caller's promise.
        let text: Option<&str> = unsafe { take(function, given, name)? };
        text.ok_or_else(|| function.null(name))
    }
}

impl Argument<*const c_char> for Option<&str> {
    unsafe fn take(function: Function, given: *const c_char, name: &str) -> Result<Self> {
        if given.is_null() {
            return Ok(None);
        }
        // SAFETY: text of C ends with a NUL byte, and the application keeps it during the call.
        let text = unsafe { CStr::from_ptr(given) }.to_str();
        text.map(Some).map_err(|_| function.argument(&format!("{name} in {} must be UTF-8", function.name)))
    }
}

/// The 16 bytes of a UUID.
impl Argument<*const c_uchar> for Uuid {
    unsafe fn take(function: Function, given: *const c_uchar, name: &str) -> Result<Self> {
        if given.is_null() {
            return Err(function.null(name));
        }
        // SAFETY: the application gives 16 bytes.
        Ok(Uuid::from_bytes(unsafe { given.cast::<[u8; 16]>().read() }))
    }
}

/// A UUID as text.
pub(crate) struct UuidText(pub(crate) Uuid);

impl Argument<*const c_char> for UuidText {
    unsafe fn take(function: Function, given: *const c_char, name: &str) -> Result<Self> {
        // SAFETY: the caller's promise.
        let text: &str = unsafe { take(function, given, name)? };
        Uuid::try_parse(text).map(UuidText).map_err(|_| function.argument("Invalid UUID"))
    }
}

/// How many elements an array of the application's has.
pub(crate) struct Room(pub(crate) usize);

impl Argument<c_int> for Room {
    unsafe fn take(function: Function, given: c_int, name: &str) -> Result<Self> {
        let refused = |_| function.argument(&format!("{name} in {} must be zero or greater", function.name));
        usize::try_from(given).map(Room).map_err(refused)
    }
}

/// A place for an answer; NULL is refused.
pub(crate) struct Out<T>(NonNull<T>);

impl<T> Clone for Out<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Out<T> {}

impl<T> Out<T> {
    /// Writes the answer.
    pub(crate) fn set(self, value: T) {
        // SAFETY: the application gave a place for it; what was there is no value that would have to be dropped.
        unsafe { self.0.as_ptr().write(value) };
    }

    /// What the application put there.
    pub(crate) fn get(self) -> T
    where
        T: Copy,
    {
        // SAFETY: functions whose arguments go both ways have a value there.
        unsafe { self.0.as_ptr().read() }
    }

    pub(crate) fn as_ptr(self) -> *mut T {
        self.0.as_ptr()
    }
}

impl<T> Argument<*mut T> for Out<T> {
    unsafe fn take(function: Function, given: *mut T, name: &str) -> Result<Self> {
        NonNull::new(given).map(Out).ok_or_else(|| function.null(name))
    }
}

impl<T> Argument<*mut T> for Option<Out<T>> {
    unsafe fn take(_: Function, given: *mut T, _: &str) -> Result<Self> {
        Ok(NonNull::new(given).map(Out))
    }
}

/// An object; what is none, NULL included, is refused.
impl<K: Kind> Argument<*mut K::Opaque> for &Object<K> {
    unsafe fn take(function: Function, given: *mut K::Opaque, _: &str) -> Result<Self> {
        // SAFETY: the caller's promise.
        match unsafe { Object::of(given) } {
            Some(object) => {
                error::concerns(K::connect(object));
                Ok(object)
            }
            None => {
                // A domain's own part, whatever part the function belongs to.
                let domain = match K::INVALID {
                    ErrorCode::INVALID_DOMAIN => ErrorDomain::DOM,
                    _ => function.domain,
                };
                Err(virt_util::Error::new(K::INVALID, domain, function.name))
            }
        }
    }
}

impl<K: Kind> Argument<*mut K::Opaque> for Option<&Object<K>> {
    unsafe fn take(function: Function, given: *mut K::Opaque, name: &str) -> Result<Self> {
        if given.is_null() {
            return Ok(None);
        }
        // SAFETY: the caller's promise.
        unsafe { take(function, given, name) }.map(Some)
    }
}

/// Flags of a function that has none.
pub(crate) struct NoFlags;

impl Argument<c_uint> for NoFlags {
    unsafe fn take(function: Function, given: c_uint, _: &str) -> Result<Self> {
        match given {
            0 => Ok(Self),
            bits => Err(unsupported_flags(function, bits)),
        }
    }
}

fn unsupported_flags(function: Function, bits: c_uint) -> virt_util::Error {
    let message = format!("unsupported flags (0x{bits:x}) in function {}", function.name);
    virt_util::Error::verbatim(ErrorCode::INVALID_ARG, function.domain, message)
}

/// Flags that the driver refuses where it does not know them.
macro_rules! flags {
    ($($flags:ident),*) => {$(
        impl Argument<c_uint> for virt_core::$flags {
            unsafe fn take(_: Function, given: c_uint, _: &str) -> Result<Self> {
                Ok(Self::from_bits_retain(given))
            }
        }
    )*};
}
flags!(
    Affect,
    BuildStoragePool,
    CheckpointXml,
    CreateCheckpoint,
    CreateNetwork,
    CreateNetworkPort,
    CreateNodeDevice,
    CreateSnapshot,
    CreateStorageVolume,
    DefineDomain,
    DefineNetwork,
    DefineNodeDevice,
    DefineSecret,
    DefineStoragePool,
    DeleteMoment,
    DeleteStoragePool,
    DeleteStorageVolume,
    DestroyDomain,
    DeviceChange,
    DomainMessages,
    DomainXml,
    DumpDomain,
    ListCheckpoints,
    ListDomains,
    ListNetworks,
    ListNodeDevices,
    ListSecrets,
    ListSnapshots,
    ListStoragePools,
    MemoryFlags,
    NetworkXml,
    NodeDeviceXml,
    OpenConsole,
    RebootDomain,
    ResizeStorageVolume,
    RevertSnapshot,
    SaveDomain,
    SaveImageXml,
    ShutdownDomain,
    SnapshotXml,
    StartDomain,
    StartStoragePool,
    StatisticsGroups,
    StoragePoolXml,
    StorageVolumeInfoFlags,
    TransferStorageVolume,
    UndefineDomain,
    VcpuFlags
);

/// A number that may not be zero.
pub(crate) struct NonZero<T>(pub(crate) T);

impl<T: Copy + Default + PartialEq> Argument<T> for NonZero<T> {
    unsafe fn take(function: Function, given: T, name: &str) -> Result<Self> {
        if given == T::default() {
            return Err(function.argument(&format!("{name} in {} must not be zero", function.name)));
        }
        Ok(Self(given))
    }
}

/// The number of a kind of event: one that this version knows.
pub(crate) struct Below<const LAST: c_int>(pub(crate) c_int);

impl<const LAST: c_int> Argument<c_int> for Below<LAST> {
    unsafe fn take(function: Function, given: c_int, name: &str) -> Result<Self> {
        if given < 0 {
            return Err(function.argument(&format!("{name} in {} must be zero or greater", function.name)));
        }
        if given >= LAST {
            return Err(function.argument(&format!("{name} must be less than {LAST}")));
        }
        Ok(Self(given))
    }
}
