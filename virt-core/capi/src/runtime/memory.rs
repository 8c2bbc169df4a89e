//! Memory that C frees: it comes from `malloc()`.

use std::ffi::{c_char, c_void};
use std::ptr;

use uuid::Uuid;
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use super::argument::Out;
use super::object::{Kind, Reference};

/// A copy of a text, ended by a NUL byte; what follows a NUL byte in the text is lost.
///
/// # Errors
///
/// `NO_MEMORY`.
pub(crate) fn text(text: &str) -> Result<*mut c_char> {
    let bytes = text.as_bytes();
    let length = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let copy = allocate::<u8>(length + 1)?;
    // SAFETY: the copy has room for the text and the byte that ends it; it is zeroed.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), copy, length) };
    Ok(copy.cast())
}

/// As [`text`], and NULL for nothing.
pub(crate) fn optional_text(value: Option<&str>) -> Result<*mut c_char> {
    value.map_or(Ok(ptr::null_mut()), text)
}

/// A copy of bytes; at least one byte long, so that it is never NULL.
///
/// # Errors
///
/// `NO_MEMORY`.
pub(crate) fn bytes(bytes: &[u8]) -> Result<*mut u8> {
    let copy = allocate::<u8>(bytes.len().max(1))?;
    // SAFETY: the copy is as long.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), copy, bytes.len()) };
    Ok(copy)
}

/// A zeroed array of `count` elements.
///
/// # Errors
///
/// `NO_MEMORY`.
pub(crate) fn allocate<T>(count: usize) -> Result<*mut T> {
    // SAFETY: calloc has no demands.
    let memory = unsafe { libc::calloc(count.max(1), size_of::<T>().max(1)) };
    if memory.is_null() {
        return Err(Error::bare(ErrorCode::NO_MEMORY, ErrorDomain::NONE));
    }
    Ok(memory.cast())
}

/// Makes an array that came from [`allocate`] longer; what is added is not set.
///
/// # Errors
///
/// `NO_MEMORY`, and then the array is as it was.
///
/// # Safety
///
/// `array` is NULL or came from `malloc()`.
pub(crate) unsafe fn grow<T>(array: *mut T, count: usize) -> Result<*mut T> {
    let size = count.saturating_mul(size_of::<T>());
    // SAFETY: the caller's promise.
    let memory = unsafe { libc::realloc(array.cast(), size) };
    if memory.is_null() {
        return Err(Error::bare(ErrorCode::NO_MEMORY, ErrorDomain::NONE));
    }
    Ok(memory.cast())
}

/// Gives memory back.
///
/// # Safety
///
/// `memory` is NULL or came from `malloc()`, and nobody uses it any more.
pub(crate) unsafe fn free<T>(memory: *mut T) {
    // SAFETY: the caller's promise.
    unsafe { libc::free(memory.cast::<c_void>()) };
}

/// A list for C, of what `element` makes, with a NULL after the last.
///
/// # Errors
///
/// `NO_MEMORY`, and what `element` says.
pub(crate) fn list<T, P>(items: Vec<T>, element: impl Fn(T) -> Result<*mut P>) -> Result<(*mut *mut P, i32)> {
    let count = i32::try_from(items.len()).unwrap_or(i32::MAX);
    let made = items.into_iter().map(element).collect::<Result<Vec<_>>>()?;
    let list = allocate::<*mut P>(made.len() + 1)?;
    for (place, pointer) in made.into_iter().enumerate() {
        // SAFETY: the list is one longer than what was made.
        unsafe { list.add(place).write(pointer) };
    }
    Ok((list, count))
}

/// A text in an array of fixed length: what does not fit is lost, and a NUL byte ends it.
pub(crate) fn fixed<const LENGTH: usize>(text: &str) -> [c_char; LENGTH] {
    let mut array = [0; LENGTH];
    for (place, byte) in array.iter_mut().zip(text.bytes().take(LENGTH - 1)) {
        *place = byte.cast_signed();
    }
    array
}

/// Fills an array of the application's with names that it frees, at most `room` of them; answers how many.
///
/// # Errors
///
/// `NO_MEMORY`.
///
/// # Safety
///
/// The array has room for as many pointers.
pub(crate) unsafe fn fill_names(names: *mut *mut c_char, room: usize, texts: Vec<String>) -> Result<usize> {
    let room = if names.is_null() { 0 } else { room };
    let texts: Vec<_> = texts.into_iter().take(room).collect();
    let count = texts.len();
    let (list, _) = list(texts, |name| text(&name))?;
    // SAFETY: the list has this many, and the caller promises room for them.
    unsafe {
        if count > 0 {
            ptr::copy_nonoverlapping(list, names, count);
        }
        free(list);
    }
    Ok(count)
}

/// Gives a list of objects to an application that has a place for it; answers how many there are.
///
/// # Errors
///
/// `NO_MEMORY`.
pub(crate) fn give_objects<K: Kind>(
    place: Option<Out<*mut *mut K::Opaque>>,
    objects: Vec<Reference<K>>,
) -> Result<usize> {
    let count = objects.len();
    if let Some(place) = place {
        place.set(list(objects, |object| Ok(object.into_raw()))?.0);
    }
    Ok(count)
}

/// Writes the 16 bytes of a UUID.
pub(crate) fn write_uuid(place: Out<u8>, uuid: Uuid) {
    // SAFETY: the application has 16 bytes there, as the prototype's VIR_UUID_BUFLEN says.
    unsafe { ptr::copy_nonoverlapping(uuid.as_bytes().as_ptr(), place.as_ptr(), 16) };
}

/// Writes a UUID as text, with the NUL byte that ends it.
pub(crate) fn write_uuid_text(place: Out<c_char>, uuid: Uuid) {
    let mut text = [0; 37];
    uuid.hyphenated().encode_lower(&mut text);
    // SAFETY: the application has 37 bytes there, as the prototype's VIR_UUID_STRING_BUFLEN says.
    unsafe { ptr::copy_nonoverlapping(text.as_ptr(), place.as_ptr().cast(), text.len()) };
}
