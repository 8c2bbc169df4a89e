//! The objects that C holds: counted, and known by a magic number.

use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering, fence};

use virt_util::ErrorCode;

/// What an object was, when it is none any more.
const GONE: u32 = 0xDEAD_0B1E;

/// A kind of objects.
pub(crate) trait Kind: Send + Sync + 'static {
    /// What C calls it.
    type Opaque;
    /// What tells it from the others.
    const MAGIC: u32;
    /// The error of a pointer that leads to none.
    const INVALID: ErrorCode;
    /// The connection it belongs to, as a pointer that is good for as long as the object.
    fn connect(object: &Object<Self>) -> *const Object<kind::Connect>
    where
        Self: Sized;
}

/// An object, as it lies in memory.
#[repr(C)]
pub(crate) struct Object<K> {
    magic: AtomicU32,
    references: AtomicU32,
    value: K,
}

impl<K: Kind> Object<K> {
    /// The object that C means; nothing for NULL, for another kind of object, and, as well as can be told, for one that was
    /// freed.
    ///
    /// # Safety
    ///
    /// `pointer` is NULL, or leads to memory that can be read, and the object is not freed while the answer is used.
    pub(crate) unsafe fn of<'a>(pointer: *mut K::Opaque) -> Option<&'a Self> {
        let pointer = pointer.cast::<Self>();
        if pointer.is_null() || !pointer.is_aligned() {
            return None;
        }
        // SAFETY: the caller's promise; every object begins with its magic number.
        let magic = unsafe { &(*pointer).magic };
        // SAFETY: the number says that it is such an object.
        (magic.load(Ordering::Relaxed) == K::MAGIC).then(|| unsafe { &*pointer })
    }

    /// One reference more.
    pub(crate) fn reference(&self) -> Reference<K> {
        // Nothing is read or written because of it: whoever has a reference can give another.
        self.references.fetch_add(1, Ordering::Relaxed);
        Reference(NonNull::from(self), PhantomData)
    }

    /// Takes back a reference; answers how many there are left. With the last one the object ends.
    ///
    /// # Safety
    ///
    /// Whoever had the reference does not use it any more.
    pub(crate) unsafe fn release(&self) -> u32 {
        // What other references did with the object happened before its end.
        let before = self.references.fetch_sub(1, Ordering::Release);
        if before == 1 {
            fence(Ordering::Acquire);
            self.magic.store(GONE, Ordering::Relaxed);
            // SAFETY: that was the last reference; the object came from a box.
            drop(unsafe { Box::from_raw(std::ptr::from_ref(self).cast_mut()) });
        }
        before - 1
    }

    /// What C has for it, without a reference of its own.
    pub(crate) fn as_raw(&self) -> *mut K::Opaque {
        std::ptr::from_ref(self).cast_mut().cast()
    }
}

impl<K> std::ops::Deref for Object<K> {
    type Target = K;

    fn deref(&self) -> &K {
        &self.value
    }
}

/// A counted reference to an object.
pub(crate) struct Reference<K: Kind>(NonNull<Object<K>>, PhantomData<Object<K>>);

// SAFETY: the count is atomic, and kinds are `Send` and `Sync`.
unsafe impl<K: Kind> Send for Reference<K> {}
// SAFETY: as above.
unsafe impl<K: Kind> Sync for Reference<K> {}

impl<K: Kind> Reference<K> {
    /// A new object with one reference.
    pub(crate) fn new(value: K) -> Self {
        let object = Object { magic: AtomicU32::new(K::MAGIC), references: AtomicU32::new(1), value };
        Self(NonNull::from(Box::leak(Box::new(object))), PhantomData)
    }

    /// Gives the reference to C.
    pub(crate) fn into_raw(self) -> *mut K::Opaque {
        let pointer = self.0.as_ptr().cast();
        std::mem::forget(self);
        pointer
    }
}

impl<K: Kind> Clone for Reference<K> {
    fn clone(&self) -> Self {
        (**self).reference()
    }
}

impl<K: Kind> std::ops::Deref for Reference<K> {
    type Target = Object<K>;

    fn deref(&self) -> &Object<K> {
        // SAFETY: the object lives as long as there is a reference.
        unsafe { self.0.as_ref() }
    }
}

impl<K: Kind> Drop for Reference<K> {
    fn drop(&mut self) {
        // SAFETY: this reference ends here.
        unsafe { self.0.as_ref().release() };
    }
}

/// The kinds, under the names that C has for them.
pub(crate) mod kind {
    pub(crate) use crate::connect::Connect;
    pub(crate) use crate::domain::Domain;
    pub(crate) use crate::stream::Stream;

    use std::convert::Infallible;

    use virt_util::ErrorCode;

    use super::{Kind, Object};
    use crate::types;

    /// Kinds of which there are no objects yet, so that every pointer to one is wrong.
    macro_rules! absent {
        ($($kind:ident = $opaque:ident, $magic:literal, $invalid:ident;)*) => {$(
            pub(crate) struct $kind(Infallible);

            impl Kind for $kind {
                type Opaque = types::$opaque;
                const MAGIC: u32 = $magic;
                const INVALID: ErrorCode = ErrorCode::$invalid;

                fn connect(object: &Object<Self>) -> *const Object<Connect> {
                    match object.0 {}
                }
            }
        )*};
    }
    absent! {
        Interface = _virInterface, 0x7613_C003, INVALID_INTERFACE;
        NWFilter = _virNWFilter, 0x7613_C004, INVALID_NWFILTER;
        NWFilterBinding = _virNWFilterBinding, 0x7613_C005, INVALID_NWFILTER_BINDING;
    }
}
