//! Port profiles of virtual functions: 802.1Qbh, which the driver carries out, and 802.1Qbg, which lldpad does.
//!
//! The kernel's `IFLA_PORT_*` attributes; netlink-packet-route nests them and leaves what is in them to its users.

use std::time::Duration;

use netlink_packet_core::DefaultNla;
use netlink_packet_route::link::{LinkAttribute, LinkVfPort, VfPort};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{LinkEvents, Netlink, attributes, link, number_u32};
use crate::wait::Wait;
use crate::{Error, ErrorCode, ErrorDomain, Result};

/// `linux/if_link.h`
mod kind {
    pub(super) const VF_PORT: u16 = 1;
    pub(super) const VF: u16 = 1;
    pub(super) const PROFILE: u16 = 2;
    pub(super) const VSI_TYPE: u16 = 3;
    pub(super) const INSTANCE_UUID: u16 = 4;
    pub(super) const HOST_UUID: u16 = 5;
    pub(super) const REQUEST: u16 = 6;
    pub(super) const RESPONSE: u16 = 7;
}

/// `PORT_PROFILE_MAX`, its terminating zero included.
const PROFILE_MAX: usize = 40;

/// How long a port may take to be associated where the caller set no deadline.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long at most until it is looked at again: not every driver tells that it is done.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// What a switch is told of a virtual function's port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PortProfile {
    /// 802.1Qbh: a profile by its name.
    #[serde(rename = "802.1Qbh")]
    Qbh {
        /// The profile's name, at most 39 bytes.
        #[serde(rename = "profileid")]
        profile: String,
        /// Names the port.
        #[serde(rename = "instanceid", default, skip_serializing_if = "Option::is_none")]
        instance: Option<Uuid>,
        /// Names the host.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        host: Option<Uuid>,
    },
    /// 802.1Qbg: a virtual station interface's type.
    #[serde(rename = "802.1Qbg")]
    Qbg {
        /// Who manages the types.
        #[serde(rename = "managerid")]
        manager: u8,
        /// Which type, 24 bits.
        #[serde(rename = "typeid")]
        type_id: u32,
        /// Which version of it.
        #[serde(rename = "typeidversion")]
        version: u8,
        /// Names the port.
        #[serde(rename = "instanceid")]
        instance: Uuid,
    },
}

/// What is asked of the switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum PortRequest {
    /// Get ready.
    Preassociate = 0,
    /// Get ready, and reserve what is needed.
    PreassociateReserve = 1,
    /// Let traffic pass.
    Associate = 2,
    /// Let none pass.
    Disassociate = 3,
}

/// What the switch answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PortResponse {
    /// It is done.
    Success,
    /// It goes on.
    InProgress,
    /// It was refused, with this number (`PORT_PROFILE_RESPONSE_*`, `PORT_VDP_RESPONSE_*`).
    Refused(u16),
}

impl PortProfile {
    /// Whether it can be told at all.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::INVALID_ARG`] when the name does not fit, or the type's number.
    pub fn check(&self) -> Result<()> {
        let sentence = match self {
            Self::Qbh { profile, .. } if profile.is_empty() || profile.contains('\0') => {
                "a port profile needs a name".to_owned()
            }
            Self::Qbh { profile, .. } if profile.len() >= PROFILE_MAX => {
                format!("port profile '{profile}' is longer than {} bytes", PROFILE_MAX - 1)
            }
            Self::Qbg { type_id, .. } if *type_id >= 1 << 24 => {
                format!("VSI type {type_id} does not fit into 24 bits")
            }
            _ => return Ok(()),
        };
        Err(Error::new(ErrorCode::INVALID_ARG, ErrorDomain::NONE, sentence))
    }

    /// The attributes of a request about a virtual function.
    fn to_nlas(&self, vf: u32, request: PortRequest) -> Vec<LinkAttribute> {
        let mut parts = vec![(kind::VF, vf.to_ne_bytes().to_vec())];
        let uuid = |kind, uuid: &Uuid| (kind, uuid.as_bytes().to_vec());
        match self {
            Self::Qbh { profile, instance, host } => {
                parts.push((kind::PROFILE, [profile.as_bytes(), &[0]].concat()));
                parts.extend(instance.iter().map(|it| uuid(kind::INSTANCE_UUID, it)));
                parts.extend(host.iter().map(|it| uuid(kind::HOST_UUID, it)));
            }
            Self::Qbg { manager, type_id, version, instance } => {
                // struct ifla_port_vsi: the type is three bytes, the lowest first.
                let [low, middle, high, _] = type_id.to_le_bytes();
                parts.push((kind::VSI_TYPE, vec![*manager, low, middle, high, *version, 0, 0, 0]));
                parts.push(uuid(kind::INSTANCE_UUID, instance));
            }
        }
        parts.push((kind::REQUEST, vec![request as u8]));
        let parts = parts.into_iter().map(|(kind, value)| VfPort::Other(DefaultNla::new(kind, value)));
        vec![LinkAttribute::VfPorts(vec![LinkVfPort(parts.collect())])]
    }
}

impl Netlink {
    /// Asks the switch behind a physical function's network device to do something with a virtual function's port, and
    /// waits until it is done.
    ///
    /// # Errors
    ///
    /// `EOPNOTSUPP` from a driver without port profiles; [`ErrorCode::OPERATION_FAILED`] with the switch's number;
    /// [`ErrorCode::OPERATION_TIMEOUT`]; [`ErrorCode::CONFIG_UNSUPPORTED`] for 802.1Qbg, which is lldpad's to carry out.
    pub fn set_port(
        &mut self,
        events: &LinkEvents,
        link: u32,
        vf: u32,
        profile: &PortProfile,
        request: PortRequest,
        wait: Wait<'_>,
    ) -> Result<()> {
        profile.check()?;
        let attempt = format!("cannot associate the port of virtual function {vf}");
        if let PortProfile::Qbg { .. } = profile {
            let sentence = format!("{attempt}: 802.1Qbg is carried out by lldpad, not by the kernel");
            return Err(Error::new(ErrorCode::CONFIG_UNSUPPORTED, ErrorDomain::NONE, sentence)
                .hint("associate the port with lldpad's own tools, or use a profile of type 802.1Qbh"));
        }
        self.request(link::change(link, profile.to_nlas(vf, request)), 0, &attempt, wait, |_| {})?;
        if request == PortRequest::Disassociate {
            return Ok(());
        }
        let until = if wait.deadline().is_some() { wait } else { Wait::at_most(PATIENCE) };
        loop {
            match self.port(link, vf, until)? {
                Some(PortResponse::Success) => return Ok(()),
                Some(PortResponse::Refused(number)) => {
                    let sentence = format!("{attempt}: the switch refused it with response {number}");
                    return Err(Error::new(ErrorCode::OPERATION_FAILED, ErrorDomain::NONE, sentence));
                }
                Some(PortResponse::InProgress) | None if until.expired() => {
                    return Err(Error::new(ErrorCode::OPERATION_TIMEOUT, ErrorDomain::NONE, attempt));
                }
                Some(PortResponse::InProgress) | None => {
                    events.wait(Wait::at_most(LOOK_AGAIN))?;
                }
            }
        }
    }

    /// What the switch last answered about a virtual function's port; nothing where it was asked nothing.
    ///
    /// # Errors
    ///
    /// What the kernel answers.
    pub fn port(&mut self, link: u32, vf: u32, wait: Wait<'_>) -> Result<Option<PortResponse>> {
        Ok(response(&self.link(link, wait)?.ports, vf))
    }
}

/// The response about one function in what stands in an `IFLA_VF_PORTS`.
fn response(ports: &[u8], vf: u32) -> Option<PortResponse> {
    let mut ports = attributes(ports).filter(|(kind, _)| *kind == kind::VF_PORT);
    let (_, port) = ports.find(|(_, port)| {
        attributes(port).any(|(kind, value)| kind == kind::VF && number_u32(value) == Some(vf))
    })?;
    let (_, value) = attributes(port).find(|(kind, _)| *kind == kind::RESPONSE)?;
    Some(match u16::from_ne_bytes(value.get(..2)?.try_into().ok()?) {
        0 => PortResponse::Success,
        1 => PortResponse::InProgress,
        number => PortResponse::Refused(number),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nla(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = [&(4 + value.len() as u16).to_ne_bytes()[..], &kind.to_ne_bytes(), value].concat();
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn body(profile: &PortProfile, request: PortRequest) -> Vec<u8> {
        super::super::serialize(link::change(3, profile.to_nlas(2, request)), 5, 1).split_off(32)
    }

    #[test]
    fn requests_are_byte_for_byte_the_kernels() {
        let instance = Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
        let qbh = PortProfile::Qbh { profile: "web".into(), instance: Some(instance), host: None };
        let expected = [
            nla(1, &2u32.to_ne_bytes()), // IFLA_PORT_VF
            nla(2, b"web\0"),            // IFLA_PORT_PROFILE
            nla(4, instance.as_bytes()), // IFLA_PORT_INSTANCE_UUID
            nla(6, &[2]),                // IFLA_PORT_REQUEST: PORT_REQUEST_ASSOCIATE
        ]
        .concat();
        assert_eq!(body(&qbh, PortRequest::Associate), nla(24, &nla(1, &expected)));
        let qbg = PortProfile::Qbg { manager: 11, type_id: 0x0001_0203, version: 4, instance };
        let expected = [
            nla(1, &2u32.to_ne_bytes()),
            nla(3, &[11, 3, 2, 1, 4, 0, 0, 0]), // IFLA_PORT_VSI_TYPE: struct ifla_port_vsi
            nla(4, instance.as_bytes()),
            nla(6, &[1]),
        ]
        .concat();
        assert_eq!(body(&qbg, PortRequest::PreassociateReserve), nla(24, &nla(1, &expected)));
    }

    #[test]
    fn the_answer_about_one_function_is_found() {
        let port = |vf: u32, response: u16| {
            nla(1, &[nla(1, &vf.to_ne_bytes()), nla(7, &response.to_ne_bytes())].concat())
        };
        let ports = [port(0, 0), port(2, 1), port(3, 4), nla(1, &nla(1, &4u32.to_ne_bytes()))].concat();
        assert_eq!(response(&ports, 0), Some(PortResponse::Success));
        assert_eq!(response(&ports, 2), Some(PortResponse::InProgress));
        assert_eq!(response(&ports, 3), Some(PortResponse::Refused(4)));
        assert_eq!(response(&ports, 4), None);
        assert_eq!(response(&ports, 5), None);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let qbh = |profile: &str| PortProfile::Qbh { profile: profile.into(), instance: None, host: None };
        assert!(qbh(&"x".repeat(39)).check().is_ok());
        assert!(qbh(&"x".repeat(40)).check().is_err());
        assert!(qbh("").check().is_err());
        let qbg = PortProfile::Qbg { manager: 0, type_id: 1 << 24, version: 0, instance: Uuid::nil() };
        assert!(qbg.check().unwrap_err().to_string().contains("24 bits"));
    }
}
