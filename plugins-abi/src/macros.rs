//! One definition each for traits, structs, numbers and flags: these macros write the other side.

/// Defines a driver trait once, and from it: the plain trait that drivers implement and hosts call, its stable-ABI
/// twin, the guard on the implementing side, the adapter on the calling side, and the gate that refuses.
///
/// ```text
/// driver_api! {
///     /// Finding domains.
///     pub trait Domains in domains {
///         /// All of them.
///         #[api(read, "virConnectListAllDomains", since "1.0")]
///         fn list(&self, call: &Call, filter: ListFilter) -> Vec<DomainSummary>;
///     }
/// }
/// ```
///
/// - Everybody who implements or calls sees `trait Domains`; every method has a body that answers "not supported".
/// - `domains::METHODS` lists the methods with their marks.
/// - `domains::Gate` refuses what a read-only connection or a passed deadline forbids, and turns panics of linked-in
///   drivers into errors.
/// - A trait holds at most 62 methods, and grows only at its end: the anchor is where version 1 ended.
#[doc(hidden)]
#[macro_export]
macro_rules! driver_api {
    (
        $(#[$doc:meta])*
        pub trait $plain:ident in $module:ident {
            $(
                $(#[doc = $method_doc:expr])*
                #[api($access:ident, $c_name:literal, since $since:literal)]
                fn $method:ident(&self, call: &Call $(, $arg:ident : $ty:ty)* $(,)?) -> $ret:ty;
            )*
        }
    ) => {
        $(#[$doc])*
        #[allow(unused_variables)]
        pub trait $plain: Send + Sync + 'static {
            $(
                $(#[doc = $method_doc])*
                ///
                /// # Errors
                ///
                /// As the C function of this name has them; `NO_SUPPORT` from a driver that lacks it.
                fn $method(&self, call: &$crate::Call $(, $arg: $ty)*) -> $crate::Result<$ret> {
                    Err($module::method::$method.unsupported())
                }
            )*
        }

        #[doc = concat!("What surrounds [`", stringify!($plain), "`]: its methods' marks, its gate, its crossing.")]
        #[allow(missing_docs, unused_variables, clippy::pedantic, clippy::too_many_arguments)]
        pub mod $module {
            use super::*;

            /// The methods, in the order of the ABI.
            pub const METHODS: &[$crate::Method] = &[$(method::$method),*];

            /// The marks of each method, by its name.
            #[allow(non_upper_case_globals)]
            pub mod method {
                $(
                    pub const $method: $crate::Method = $crate::Method {
                        interface: stringify!($plain),
                        name: stringify!($method),
                        access: $crate::driver_api!(@access $access),
                        c_name: $c_name,
                        since: $since,
                    };
                )*
            }

            /// An implementation behind its refusals.
            #[derive(Clone)]
            pub struct Gate(pub std::sync::Arc<dyn $plain>);

            impl $plain for Gate {
                $(
                    #[inline]
                    fn $method(&self, call: &$crate::Call $(, $arg: $ty)*) -> $crate::Result<$ret> {
                        method::$method.admit(call)?;
                        $crate::catch_panic(
                            concat!(stringify!($plain), "::", stringify!($method)),
                            || self.0.$method(call $(, $arg)*),
                        )
                    }
                )*
            }

            /// An implementation, and who is told of each call before it is made and may refuse it.
            #[derive(Clone)]
            pub struct Watched(pub std::sync::Arc<dyn $plain>, pub $crate::Watch);

            impl $plain for Watched {
                $(
                    fn $method(&self, call: &$crate::Call $(, $arg: $ty)*) -> $crate::Result<$ret> {
                        (self.1)(call, &method::$method)?;
                        self.0.$method(call $(, $arg)*)
                    }
                )*
            }

            #[doc(hidden)]
            #[$crate::private::abi_stable::sabi_trait]
            #[allow(unused_variables)]
            pub trait Abi: Send + Sync {
                #[sabi(last_prefix_field)]
                fn anchor(&self) -> u32;
                $(
                    fn $method(
                        &self,
                        call: &$crate::Call
                        $(, $arg: <$ty as $crate::Cross>::Abi)*
                    ) -> $crate::private::abi_stable::std_types::RResult<
                        <$ret as $crate::Cross>::Abi,
                        $crate::private::abi_stable::std_types::RBox<$crate::private::ErrorRecord>,
                    > {
                        $crate::private::abi_stable::std_types::RErr(
                            <$crate::Error as $crate::Cross>::into_abi(method::$method.unsupported()),
                        )
                    }
                )*
            }

            /// The object that crosses.
            #[doc(hidden)]
            pub type Object = Abi_TO<'static, $crate::private::abi_stable::std_types::RArc<()>>;

            impl Abi for $crate::private::Guard<dyn $plain> {
                fn anchor(&self) -> u32 {
                    METHODS.len() as u32
                }
                $(
                    fn $method(
                        &self,
                        call: &$crate::Call
                        $(, $arg: <$ty as $crate::Cross>::Abi)*
                    ) -> $crate::private::abi_stable::std_types::RResult<
                        <$ret as $crate::Cross>::Abi,
                        $crate::private::abi_stable::std_types::RBox<$crate::private::ErrorRecord>,
                    > {
                        $crate::private::guard(
                            concat!(stringify!($plain), "::", stringify!($method)),
                            || self.0.$method(call $(, <$ty as $crate::Cross>::from_abi($arg))*),
                        )
                    }
                )*
            }

            impl $plain for Object {
                $(
                    fn $method(&self, call: &$crate::Call $(, $arg: $ty)*) -> $crate::Result<$ret> {
                        match Abi::$method(self, call $(, <$ty as $crate::Cross>::into_abi($arg))*) {
                            $crate::private::abi_stable::std_types::ROk(value) => {
                                Ok(<$ret as $crate::Cross>::from_abi(value))
                            }
                            $crate::private::abi_stable::std_types::RErr(error) => {
                                Err(<$crate::Error as $crate::Cross>::from_abi(error))
                            }
                        }
                    }
                )*
            }

            impl $crate::Cross for std::sync::Arc<dyn $plain> {
                type Abi = Object;
                fn into_abi(self) -> Object {
                    Abi_TO::from_ptr(
                        $crate::private::abi_stable::std_types::RArc::new($crate::private::Guard(self)),
                        $crate::private::abi_stable::sabi_trait::TD_Opaque,
                    )
                }
                fn from_abi(abi: Object) -> Self {
                    std::sync::Arc::new(abi)
                }
            }
        }
    };
    (@access read) => { $crate::Access::Read };
    (@access write) => { $crate::Access::Write };
    (@access secret) => { $crate::Access::Secret };
}

/// Defines the capability slots of a driver: which traits it has, empty where it lacks one.
#[doc(hidden)]
#[macro_export]
macro_rules! driver_slots {
    (
        $(#[$doc:meta])*
        pub struct $slots:ident {
            $( $(#[doc = $slot_doc:expr])* $slot:ident / $with:ident : $plain:ident in $module:ident, )*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone)]
        #[non_exhaustive]
        pub struct $slots {
            /// What every driver has.
            pub session: std::sync::Arc<dyn Session>,
            $( $(#[doc = $slot_doc])* pub $slot: Option<std::sync::Arc<dyn $plain>>, )*
        }

        impl $slots {
            /// All empty but the session's.
            pub fn new(session: std::sync::Arc<dyn Session>) -> Self {
                Self { session, $( $slot: None, )* }
            }

            $(
                #[doc = concat!("Fills the slot of [`", stringify!($plain), "`].")]
                #[must_use]
                pub fn $with(mut self, implementation: std::sync::Arc<dyn $plain>) -> Self {
                    self.$slot = Some(implementation);
                    self
                }
            )*

            /// The name of every trait that has a slot, and whether it is filled.
            pub fn filled(&self) -> Vec<(&'static str, bool)> {
                vec![$( (stringify!($plain), self.$slot.is_some()), )*]
            }

            /// The methods of every trait that has a slot.
            pub fn methods() -> impl Iterator<Item = &'static $crate::Method> {
                [session::METHODS, $( $module::METHODS, )*].into_iter().flatten()
            }

            /// The same implementations, each behind its gate.
            #[must_use]
            pub fn gated(self) -> Self {
                Self {
                    session: std::sync::Arc::new(session::Gate(self.session)),
                    $( $slot: self.$slot.map(|it| std::sync::Arc::new($module::Gate(it)) as _), )*
                }
            }
        }

        impl $slots {
            /// The same implementations; `watch` is told of each call before it is made, and may refuse it.
            #[must_use]
            pub fn watched(self, watch: &$crate::Watch) -> Self {
                Self {
                    session: std::sync::Arc::new(session::Watched(self.session, watch.clone())),
                    $(
                        $slot: self
                            .$slot
                            .map(|it| std::sync::Arc::new($module::Watched(it, watch.clone())) as _),
                    )*
                }
            }
        }

        impl std::fmt::Debug for $slots {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_map().entries(self.filled()).finish()
            }
        }

        #[doc(hidden)]
        #[allow(missing_docs, clippy::pedantic)]
        pub mod slots_abi {
            use super::*;
            use $crate::private::abi_stable::std_types::{RArc, RNone, ROption};

            #[doc(hidden)]
            #[$crate::private::abi_stable::sabi_trait]
            pub trait Abi: Send + Sync {
                #[sabi(last_prefix_field)]
                fn session(&self) -> session::Object;
                $( fn $slot(&self) -> ROption<$module::Object> { RNone } )*
            }

            impl Abi for $slots {
                fn session(&self) -> session::Object {
                    $crate::Cross::into_abi(self.session.clone())
                }
                $(
                    fn $slot(&self) -> ROption<$module::Object> {
                        $crate::Cross::into_abi(self.$slot.clone())
                    }
                )*
            }

            impl $crate::Cross for $slots {
                type Abi = Abi_TO<'static, RArc<()>>;
                fn into_abi(self) -> Self::Abi {
                    Abi_TO::from_ptr(RArc::new(self), $crate::private::abi_stable::sabi_trait::TD_Opaque)
                }
                fn from_abi(abi: Self::Abi) -> Self {
                    Self {
                        session: $crate::Cross::from_abi(abi.session()),
                        $( $slot: $crate::Cross::from_abi(abi.$slot()), )*
                    }
                }
            }
        }
    };
}

/// Defines a struct once, and from it its twin that crosses. Frozen once released: by-value structs cannot grow.
#[doc(hidden)]
#[macro_export]
macro_rules! abi_data {
    ($(
        $(#[$meta:meta])*
        pub struct $name:ident as $abi:ident {
            $( $(#[doc = $doc:expr])* pub $field:ident : $ty:ty, )*
        }
    )*) => {$(
        $(#[$meta])*
        pub struct $name {
            $( $(#[doc = $doc])* pub $field: $ty, )*
        }

        #[doc(hidden)]
        #[repr(C)]
        #[derive($crate::private::abi_stable::StableAbi)]
        pub struct $abi {
            $( $field: <$ty as $crate::Cross>::Abi, )*
        }

        impl $crate::Cross for $name {
            type Abi = $abi;
            fn into_abi(self) -> $abi {
                $abi { $( $field: $crate::Cross::into_abi(self.$field), )* }
            }
            fn from_abi(abi: $abi) -> Self {
                Self { $( $field: <$ty as $crate::Cross>::from_abi(abi.$field), )* }
            }
        }
    )*};
}

/// Defines an enum of libvirt's numbers once. It crosses as its number; numbers of a newer version are kept.
#[doc(hidden)]
#[macro_export]
macro_rules! abi_enum {
    ($(
        $(#[$meta:meta])*
        pub enum $name:ident {
            $( $(#[doc = $doc:expr])* $variant:ident = $number:literal $text:literal, )*
        }
    )*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $( $(#[doc = $doc])* $variant, )*
            /// A number that this version does not know.
            Unknown(i32),
        }

        impl $name {
            /// All that this version knows, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$( Self::$variant, )*];

            /// libvirt's number.
            pub const fn number(self) -> i32 {
                match self {
                    $( Self::$variant => $number, )*
                    Self::Unknown(number) => number,
                }
            }

            /// What libvirt's number means.
            pub const fn from_number(number: i32) -> Self {
                match number {
                    $( $number => Self::$variant, )*
                    _ => Self::Unknown(number),
                }
            }

            /// The word for it, as `virsh` prints it.
            pub const fn text(self) -> &'static str {
                match self {
                    $( Self::$variant => $text, )*
                    Self::Unknown(_) => "unknown",
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.text())
            }
        }

        impl $crate::Cross for $name {
            type Abi = i32;
            fn into_abi(self) -> i32 {
                self.number()
            }
            fn from_abi(abi: i32) -> Self {
                Self::from_number(abi)
            }
        }
    )*};
}

/// Defines libvirt's flags once. They cross as their bits; bits of a newer version are kept.
#[doc(hidden)]
#[macro_export]
macro_rules! abi_flags {
    ($(
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[doc = $doc:expr])* const $flag:ident = $bits:expr; )*
        }
    )*) => {$(
        $crate::private::bitflags::bitflags! {
            $(#[$meta])*
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
            pub struct $name: u32 {
                $( $(#[doc = $doc])* const $flag = $bits; )*
            }
        }

        impl $name {
            /// Refuses bits that the caller does not handle, as every libvirt call does.
            ///
            /// # Errors
            ///
            /// `INVALID_ARG` that names `function` and the bits.
            pub fn only(self, handled: Self, function: &str) -> $crate::Result<()> {
                match self.difference(handled).bits() {
                    0 => Ok(()),
                    // libvirt says this one without the prefix of its code.
                    bits => Err($crate::Error::verbatim(
                        $crate::ErrorCode::INVALID_ARG,
                        $crate::ErrorDomain::NONE,
                        format!("unsupported flags (0x{bits:x}) in function {function}"),
                    )),
                }
            }
        }

        impl $crate::Cross for $name {
            type Abi = u32;
            fn into_abi(self) -> u32 {
                self.bits()
            }
            fn from_abi(abi: u32) -> Self {
                Self::from_bits_retain(abi)
            }
        }
    )*};
}
