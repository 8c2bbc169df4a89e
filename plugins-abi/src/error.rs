//! The error's twin.

use abi_stable::StableAbi;
use abi_stable::std_types::{RBox, ROption, RString, RVec};

use crate::{Cross, Error, ErrorCode, ErrorDomain, Place};

/// An [`Error`] on its way. Frozen: what errors gain later travels in `causes`.
#[repr(C)]
#[derive(Debug, StableAbi)]
pub struct ErrorRecord {
    code: i32,
    domain: i32,
    message: RString,
    place: ROption<PlaceRecord>,
    hint: ROption<RString>,
    /// What caused it, outermost first: text only, the causes' types stay where they are.
    causes: RVec<RString>,
}

/// A [`Place`] on its way.
#[repr(C)]
#[derive(Debug, StableAbi)]
pub(crate) struct PlaceRecord {
    line: u32,
    column: u32,
    path: RString,
}

impl Cross for Error {
    /// Boxed, so that a result stays two words wide where all goes well.
    type Abi = RBox<ErrorRecord>;

    fn into_abi(self) -> RBox<ErrorRecord> {
        let causes = std::iter::successors(std::error::Error::source(&self), |e| e.source());
        let causes = causes.map(|cause| cause.to_string().into()).collect();
        RBox::new(ErrorRecord {
            code: self.code().0,
            domain: self.domain().0,
            message: self.message().into(),
            place: self
                .place()
                .map(|p| PlaceRecord { line: p.line, column: p.column, path: p.path.as_str().into() })
                .into(),
            hint: self.advice().map(RString::from).into(),
            causes,
        })
    }

    fn from_abi(abi: RBox<ErrorRecord>) -> Self {
        let record = RBox::into_inner(abi);
        let mut error =
            Error::verbatim(ErrorCode(record.code), ErrorDomain(record.domain), record.message.into_string());
        if let ROption::RSome(place) = record.place {
            error = error.at(Place { line: place.line, column: place.column, path: place.path.into() });
        }
        if let ROption::RSome(hint) = record.hint {
            error = error.hint(hint);
        }
        let causes = record.causes.into_iter().rev();
        match causes.fold(None, |inner, text| Some(Box::new(Cause { text: text.into(), inner }))) {
            Some(cause) => error.caused_by(*cause),
            None => error,
        }
    }
}

/// A cause that was told by the other side.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
struct Cause {
    text: String,
    #[source]
    inner: Option<Box<Cause>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_arrives_as_it_left() {
        let there =
            Error::system(ErrorDomain::QEMU, "cannot open '/x'", std::io::Error::from_raw_os_error(13))
                .at(Place { line: 1, column: 2, path: "/domain".into() })
                .hint("run as root");
        let here = Error::from_abi(there.into_abi());
        assert_eq!(format!("{here:#}"), "cannot open '/x': Permission denied (line 1:2, /domain)");
        assert_eq!((here.code(), here.domain()), (ErrorCode::SYSTEM_ERROR, ErrorDomain::QEMU));
        assert_eq!(here.advice(), Some("run as root"));
        let cause = std::error::Error::source(&here).map(ToString::to_string);
        assert_eq!(cause.as_deref(), Some("Permission denied (os error 13)"));
    }
}
