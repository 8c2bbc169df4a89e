//! Typed parameters: arrays of names with numbers or texts.

use std::ffi::{CStr, c_char, c_double, c_int, c_longlong, c_uint, c_ulonglong};
use std::{ptr, slice};

use virt_core::{TypedParameter, TypedValue};
use virt_util::{Error, ErrorCode, ErrorDomain, Result};

use crate::runtime::*;
use crate::types::*;

/// Gives parameters to C, which frees them with `virTypedParamsFree`.
///
/// # Errors
///
/// `NO_MEMORY`.
pub(crate) fn give(
    known: &[TypedParameter],
    params: Out<virTypedParameterPtr>,
    count: Out<c_int>,
) -> Result<()> {
    let (array, length) = array(known)?;
    params.set(array);
    count.set(length);
    Ok(())
}

/// Parameters as C has them, to be freed with [`free`].
///
/// # Errors
///
/// `NO_MEMORY`.
pub(crate) fn array(known: &[TypedParameter]) -> Result<(virTypedParameterPtr, c_int)> {
    let array = memory::allocate::<virTypedParameter>(known.len())?;
    let mut count = 0;
    for parameter in known {
        // What this version does not know it cannot give on.
        if let Some(parameter) = to_c(parameter)? {
            // SAFETY: the array is as long as what is given.
            unsafe { array.add(count).write(parameter) };
            count += 1;
        }
    }
    Ok((array, count as c_int))
}

fn to_c(parameter: &TypedParameter) -> Result<Option<virTypedParameter>> {
    type Value = virTypedParameterValue;
    let (kind, value) = match &parameter.value {
        TypedValue::Int(value) => (VIR_TYPED_PARAM_INT, Value { i: *value }),
        TypedValue::UnsignedInt(value) => (VIR_TYPED_PARAM_UINT, Value { ui: *value }),
        TypedValue::LongLong(value) => (VIR_TYPED_PARAM_LLONG, Value { l: *value }),
        TypedValue::UnsignedLongLong(value) => (VIR_TYPED_PARAM_ULLONG, Value { ul: *value }),
        TypedValue::Double(value) => (VIR_TYPED_PARAM_DOUBLE, Value { d: *value }),
        TypedValue::Boolean(value) => (VIR_TYPED_PARAM_BOOLEAN, Value { b: (*value).into() }),
        TypedValue::Text(value) => (VIR_TYPED_PARAM_STRING, Value { s: memory::text(value)? }),
        _ => return Ok(None),
    };
    Ok(Some(virTypedParameter { field: memory::fixed(&parameter.field), r#type: kind, value }))
}

/// The parameters that C gave.
///
/// # Errors
///
/// `INVALID_ARG` for kinds that are none.
///
/// # Safety
///
/// The array is as long as `count` says, and its texts end with NUL bytes.
pub(crate) unsafe fn from_c(params: virTypedParameterPtr, count: c_int) -> Result<Vec<TypedParameter>> {
    // SAFETY: the caller's promise.
    let given = unsafe { elements(params, count) };
    given.iter().map(value_of).collect()
}

fn value_of(parameter: &virTypedParameter) -> Result<TypedParameter> {
    let value = parameter.value;
    // SAFETY: the type says which member is set; texts end with NUL bytes.
    let value = unsafe {
        match parameter.r#type {
            VIR_TYPED_PARAM_INT => TypedValue::Int(value.i),
            VIR_TYPED_PARAM_UINT => TypedValue::UnsignedInt(value.ui),
            VIR_TYPED_PARAM_LLONG => TypedValue::LongLong(value.l),
            VIR_TYPED_PARAM_ULLONG => TypedValue::UnsignedLongLong(value.ul),
            VIR_TYPED_PARAM_DOUBLE => TypedValue::Double(value.d),
            VIR_TYPED_PARAM_BOOLEAN => TypedValue::Boolean(value.b != 0),
            VIR_TYPED_PARAM_STRING if !value.s.is_null() => {
                TypedValue::Text(CStr::from_ptr(value.s).to_string_lossy().into_owned())
            }
            kind => {
                return Err(argument(&format!("unknown type {kind} for parameter '{}'", name_of(parameter))));
            }
        }
    };
    Ok(TypedParameter { field: name_of(parameter), value })
}

fn argument(detail: &str) -> Error {
    Error::new(ErrorCode::INVALID_ARG, ErrorDomain::NONE, detail)
}

fn name_of(parameter: &virTypedParameter) -> String {
    let bytes: Vec<u8> =
        parameter.field.iter().take_while(|byte| **byte != 0).map(|byte| byte.cast_unsigned()).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// # Safety
///
/// The array is as long as `count` says, or NULL.
unsafe fn elements<'a>(params: virTypedParameterPtr, count: c_int) -> &'a [virTypedParameter] {
    match usize::try_from(count) {
        // SAFETY: the caller's promise.
        Ok(count) if !params.is_null() => unsafe { slice::from_raw_parts(params, count) },
        _ => &[],
    }
}

/// Frees an array that came from [`array`] or from the functions that add to one.
///
/// # Safety
///
/// The array is as long as `count` says and nobody uses it any more, or it is NULL.
pub(crate) unsafe fn free(params: virTypedParameterPtr, count: c_int) {
    // SAFETY: the caller's promise.
    unsafe {
        clear(params, count);
        memory::free(params);
    }
}

/// # Safety
///
/// As for [`free`], but for the array itself.
unsafe fn clear(params: virTypedParameterPtr, count: c_int) {
    for number in 0..usize::try_from(count).unwrap_or_default() {
        if params.is_null() {
            return;
        }
        // SAFETY: the caller's promise; a text is the parameter's own.
        unsafe {
            let parameter = params.add(number);
            if (*parameter).r#type == VIR_TYPED_PARAM_STRING {
                memory::free((*parameter).value.s);
                (*parameter).value.s = ptr::null_mut();
            }
        }
    }
}

pub(crate) unsafe fn virTypedParamsClear(params: virTypedParameterPtr, count: c_int) -> Result<()> {
    // SAFETY: the application's array.
    unsafe { clear(params, count) };
    Ok(())
}

pub(crate) unsafe fn virTypedParamsFree(params: virTypedParameterPtr, count: c_int) -> Result<()> {
    // SAFETY: the application's array, which it does not use any more.
    unsafe { free(params, count) };
    Ok(())
}

/// The parameter of this name; NULL where there is none.
pub(crate) unsafe fn virTypedParamsGet(
    params: virTypedParameterPtr,
    count: c_int,
    name: Option<&str>,
) -> Result<virTypedParameterPtr> {
    // SAFETY: the application's array.
    Ok(unsafe { find(params, count, name.unwrap_or_default()) })
}

/// # Safety
///
/// As for [`elements`].
unsafe fn find(params: virTypedParameterPtr, count: c_int, name: &str) -> virTypedParameterPtr {
    // SAFETY: the caller's promise.
    let place = unsafe { elements(params, count) }.iter().position(|parameter| name_of(parameter) == name);
    // SAFETY: the place is in the array.
    place.map_or(ptr::null_mut(), |place| unsafe { params.add(place) })
}

/// Functions that read one kind of value: 1 when it is there, 0 when not, an error when it is of another kind.
macro_rules! get {
    ($($name:ident: $ty:ty = $kind:ident, $value:ident => $answer:expr;)*) => {$(
        pub(crate) unsafe fn $name(
            params: virTypedParameterPtr,
            count: c_int,
            name: &str,
            value: Option<Out<$ty>>,
        ) -> Result<bool> {
            // SAFETY: the application's array; the type says which member is set.
            unsafe {
                let Some(found) = find(params, count, name).as_ref() else { return Ok(false) };
                expect(found, $kind)?;
                if let Some(place) = value {
                    let $value = found.value;
                    place.set($answer);
                }
            }
            Ok(true)
        }
    )*};
}
get! {
    virTypedParamsGetInt: c_int = VIR_TYPED_PARAM_INT, value => value.i;
    virTypedParamsGetUInt: c_uint = VIR_TYPED_PARAM_UINT, value => value.ui;
    virTypedParamsGetLLong: c_longlong = VIR_TYPED_PARAM_LLONG, value => value.l;
    virTypedParamsGetULLong: c_ulonglong = VIR_TYPED_PARAM_ULLONG, value => value.ul;
    virTypedParamsGetDouble: c_double = VIR_TYPED_PARAM_DOUBLE, value => value.d;
    virTypedParamsGetBoolean: c_int = VIR_TYPED_PARAM_BOOLEAN, value => c_int::from(value.b != 0);
    virTypedParamsGetString: *const c_char = VIR_TYPED_PARAM_STRING, value => value.s.cast_const();
}

fn expect(found: &virTypedParameter, kind: c_int) -> Result<()> {
    if found.r#type == kind {
        return Ok(());
    }
    let word = |kind: c_int| {
        let words = ["int", "uint", "llong", "ullong", "double", "boolean", "string"];
        usize::try_from(kind - 1).ok().and_then(|place| words.get(place)).copied().unwrap_or("unknown")
    };
    let (wanted, actual, name) = (word(kind), word(found.r#type), name_of(found));
    Err(argument(&format!(
        "Invalid type '{wanted}' requested for parameter '{name}', actual type is '{actual}'"
    )))
}

/// The three places that say what an array is: where, how many, and for how many there is room.
struct Growing {
    params: Out<virTypedParameterPtr>,
    count: Out<c_int>,
    room: Out<c_int>,
}

impl Growing {
    /// Adds one, and makes room for it.
    fn add(&self, name: &str, kind: c_int, value: virTypedParameterValue) -> Result<()> {
        let (count, room) = (self.count.get(), self.room.get());
        let used = usize::try_from(count).unwrap_or_default();
        if name.len() >= VIR_TYPED_PARAM_FIELD_LENGTH {
            return Err(Error::internal(ErrorDomain::NONE, format!("Field name '{name}' too long")));
        }
        if count >= room {
            let wanted = (used + 1).next_power_of_two().max(4);
            // SAFETY: the array is the application's, from us.
            let grown = unsafe { memory::grow(self.params.get(), wanted)? };
            self.params.set(grown);
            self.room.set(wanted as c_int);
        }
        let parameter = virTypedParameter { field: memory::fixed(name), r#type: kind, value };
        // SAFETY: there is room.
        unsafe { self.params.get().add(used).write(parameter) };
        self.count.set(count + 1);
        Ok(())
    }
}

macro_rules! add {
    ($($function:ident($given:ident: $ty:ty) = $kind:ident, $value:expr;)*) => {$(
        pub(crate) fn $function(
            params: Out<virTypedParameterPtr>,
            count: Out<c_int>,
            room: Out<c_int>,
            name: &str,
            $given: $ty,
        ) -> Result<()> {
            Growing { params, count, room }.add(name, $kind, $value)
        }
    )*};
}
add! {
    virTypedParamsAddInt(value: c_int) = VIR_TYPED_PARAM_INT, virTypedParameterValue { i: value };
    virTypedParamsAddUInt(value: c_uint) = VIR_TYPED_PARAM_UINT, virTypedParameterValue { ui: value };
    virTypedParamsAddLLong(value: c_longlong) = VIR_TYPED_PARAM_LLONG, virTypedParameterValue { l: value };
    virTypedParamsAddULLong(value: c_ulonglong) = VIR_TYPED_PARAM_ULLONG, virTypedParameterValue { ul: value };
    virTypedParamsAddDouble(value: c_double) = VIR_TYPED_PARAM_DOUBLE, virTypedParameterValue { d: value };
    virTypedParamsAddBoolean(value: bool) = VIR_TYPED_PARAM_BOOLEAN, virTypedParameterValue { b: value.into() };
    virTypedParamsAddString(value: Option<&str>) = VIR_TYPED_PARAM_STRING,
        virTypedParameterValue { s: memory::text(value.unwrap_or_default())? };
}

/// Adds one parameter of the same name for each text of a list that ends with NULL.
pub(crate) unsafe fn virTypedParamsAddStringList(
    params: Out<virTypedParameterPtr>,
    count: Out<c_int>,
    room: Out<c_int>,
    name: &str,
    values: *mut *const c_char,
) -> Result<()> {
    let mut place = values;
    // SAFETY: the application's list ends with NULL, its texts with NUL bytes.
    while let Some(text) = unsafe { place.as_ref() }.filter(|text| !text.is_null()) {
        // SAFETY: as above.
        let text = unsafe { CStr::from_ptr(*text) }.to_string_lossy();
        virTypedParamsAddString(params, count, room, name, Some(&text))?;
        // SAFETY: that was not the end of the list.
        place = unsafe { place.add(1) };
    }
    Ok(())
}

/// Adds a value that is given as text.
pub(crate) fn virTypedParamsAddFromString(
    params: Out<virTypedParameterPtr>,
    count: Out<c_int>,
    room: Out<c_int>,
    name: &str,
    kind: c_int,
    value: &str,
) -> Result<()> {
    type Value = virTypedParameterValue;
    let refused = |what: &str| argument(&format!("Invalid value for field '{name}': expected {what}"));
    let value = match kind {
        VIR_TYPED_PARAM_INT => Value { i: value.parse().map_err(|_| refused("int"))? },
        VIR_TYPED_PARAM_UINT => Value { ui: value.parse().map_err(|_| refused("unsigned int"))? },
        VIR_TYPED_PARAM_LLONG => Value { l: value.parse().map_err(|_| refused("long long"))? },
        VIR_TYPED_PARAM_ULLONG => Value { ul: value.parse().map_err(|_| refused("unsigned long long"))? },
        VIR_TYPED_PARAM_DOUBLE => Value { d: value.parse().map_err(|_| refused("double"))? },
        VIR_TYPED_PARAM_BOOLEAN => match value {
            "0" => Value { b: 0 },
            "1" => Value { b: 1 },
            _ => return Err(argument(&format!("Invalid boolean value for field '{name}'"))),
        },
        VIR_TYPED_PARAM_STRING => Value { s: memory::text(value)? },
        other => return Err(argument(&format!("unexpected type {other} for field {name}"))),
    };
    Growing { params, count, room }.add(name, kind, value)
}
