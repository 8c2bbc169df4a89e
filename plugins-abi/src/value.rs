//! Typed parameters: libvirt's `virTypedParameter`, a name and a number or text.

use abi_stable::StableAbi;
use abi_stable::std_types::RString;

use crate::Cross;

/// A named value.
#[derive(Clone, Debug, PartialEq)]
pub struct TypedParameter {
    /// The name, `cpu_shares`; at most 79 bytes where C is to read it.
    pub field: String,
    /// A number or text, as libvirt's parameter of that name has it.
    pub value: TypedValue,
}

/// The value of a [`TypedParameter`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum TypedValue {
    /// `VIR_TYPED_PARAM_INT`
    Int(i32),
    /// `VIR_TYPED_PARAM_UINT`
    UnsignedInt(u32),
    /// `VIR_TYPED_PARAM_LLONG`
    LongLong(i64),
    /// `VIR_TYPED_PARAM_ULLONG`
    UnsignedLongLong(u64),
    /// `VIR_TYPED_PARAM_DOUBLE`
    Double(f64),
    /// `VIR_TYPED_PARAM_BOOLEAN`
    Boolean(bool),
    /// `VIR_TYPED_PARAM_STRING`
    Text(String),
    /// A kind that this version does not know: its number and its bits.
    Unknown(u32, u64),
}

impl TypedParameter {
    /// A parameter.
    pub fn new(field: impl Into<String>, value: impl Into<TypedValue>) -> Self {
        Self { field: field.into(), value: value.into() }
    }
}

/// A [`TypedParameter`] on its way. Frozen: new kinds of values are new numbers in `kind`.
#[repr(C)]
#[derive(Debug, StableAbi)]
pub struct TypedParameterAbi {
    field: RString,
    /// libvirt's `virTypedParameterType`.
    kind: u32,
    bits: u64,
    text: RString,
}

impl Cross for TypedParameter {
    type Abi = TypedParameterAbi;

    fn into_abi(self) -> TypedParameterAbi {
        let (kind, bits, text) = match self.value {
            TypedValue::Int(value) => (1, i64::from(value).cast_unsigned(), String::new()),
            TypedValue::UnsignedInt(value) => (2, value.into(), String::new()),
            TypedValue::LongLong(value) => (3, value.cast_unsigned(), String::new()),
            TypedValue::UnsignedLongLong(value) => (4, value, String::new()),
            TypedValue::Double(value) => (5, value.to_bits(), String::new()),
            TypedValue::Boolean(value) => (6, value.into(), String::new()),
            TypedValue::Text(value) => (7, 0, value),
            TypedValue::Unknown(kind, bits) => (kind, bits, String::new()),
        };
        TypedParameterAbi { field: self.field.into(), kind, bits, text: text.into() }
    }

    fn from_abi(abi: TypedParameterAbi) -> Self {
        let bits = abi.bits;
        let value = match abi.kind {
            1 => TypedValue::Int(bits as i32),
            2 => TypedValue::UnsignedInt(bits as u32),
            3 => TypedValue::LongLong(bits.cast_signed()),
            4 => TypedValue::UnsignedLongLong(bits),
            5 => TypedValue::Double(f64::from_bits(bits)),
            6 => TypedValue::Boolean(bits != 0),
            7 => TypedValue::Text(abi.text.into()),
            kind => TypedValue::Unknown(kind, bits),
        };
        Self { field: abi.field.into(), value }
    }
}

macro_rules! from {
    ($($ty:ty => $variant:ident),*) => {$(
        impl From<$ty> for TypedValue {
            fn from(value: $ty) -> Self {
                Self::$variant(value.into())
            }
        }
    )*};
}
from!(i32 => Int, u32 => UnsignedInt, i64 => LongLong, u64 => UnsignedLongLong, f64 => Double, bool => Boolean,
      String => Text, &str => Text);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_arrive_as_they_left() {
        let values = [
            TypedValue::Int(-1),
            TypedValue::UnsignedInt(u32::MAX),
            TypedValue::LongLong(i64::MIN),
            TypedValue::UnsignedLongLong(u64::MAX),
            TypedValue::Double(-0.5),
            TypedValue::Boolean(true),
            TypedValue::Text("ä".into()),
            TypedValue::Unknown(99, 7),
        ];
        for value in values {
            let there = TypedParameter::new("x", value.clone());
            assert_eq!(TypedParameter::from_abi(there.clone().into_abi()), there);
        }
    }
}
