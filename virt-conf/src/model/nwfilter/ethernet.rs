//! Rules about Ethernet frames: `<mac>`, `<vlan>`, `<stp>`, `<arp>`, `<rarp>`.

use std::net::Ipv4Addr;

use super::rule::{Protocol, follow, tests};
use super::{
    ArpOpcode, Byte, Comment, FrameProtocol, Ipv4Mask, LongWord, MacMask, Operand, Truth, VlanNumber,
    VlanProtocol, Word,
};
use crate::model::MacAddress;
use crate::xml::Xml;

tests! {
    /// The card that sends.
    pub struct Sender {
        /// The frame's source MAC address.
        #[xml(attr = "srcmacaddr")]
        pub address: Option<Operand<MacAddress>>,
    }

    /// The cards that send.
    pub struct Senders {
        /// Their address.
        #[xml(flatten)]
        pub card: Sender,
        /// Which bits of it count; all by default.
        #[xml(attr = "srcmacmask")]
        pub mask: Option<Operand<MacMask>>,
    }

    /// The cards on both ends.
    pub struct Cards {
        /// Those that send.
        #[xml(flatten)]
        pub senders: Senders,
        /// The address of those that receive.
        #[xml(attr = "dstmacaddr")]
        pub receiver: Option<Operand<MacAddress>>,
        /// Which bits of it count; all by default.
        #[xml(attr = "dstmacmask")]
        pub receiver_mask: Option<Operand<MacMask>>,
    }

    /// `<mac>`: any frame.
    pub struct MacTests {
        /// The cards on both ends.
        #[xml(flatten)]
        pub cards: Cards,
        /// What the frame carries.
        #[xml(attr = "protocolid")]
        pub protocol: Option<Operand<FrameProtocol>>,
        /// A remark, which the firewall shows.
        #[xml(attr)]
        pub comment: Option<Operand<Comment>>,
    }

    /// `<vlan>`: a frame of a VLAN.
    pub struct VlanTests {
        /// The cards on both ends.
        #[xml(flatten)]
        pub cards: Cards,
        /// The number of the frame's VLAN, 0 to 4095.
        #[xml(attr = "vlanid")]
        pub vlan: Option<Operand<VlanNumber>>,
        /// What the frame carries.
        #[xml(attr = "encap-protocol")]
        pub protocol: Option<Operand<VlanProtocol>>,
        /// A remark, which the firewall shows.
        #[xml(attr)]
        pub comment: Option<Operand<Comment>>,
    }

    /// `<stp>`: a frame of the spanning tree protocol. The names ending in `_last` end a range.
    pub struct StpTests {
        /// Who sends.
        #[xml(flatten)]
        pub senders: Senders,
        /// What the frame is for.
        #[xml(attr = "type")]
        pub kind: Option<Operand<Byte>>,
        /// The flags octet of the frame: changes in the topology, and their acknowledgement.
        #[xml(attr)]
        pub flags: Option<Operand<Byte>>,
        /// The priority of the tree's root.
        #[xml(attr = "root-priority")]
        pub root_priority: Option<Operand<Word>>,
        /// The last such priority.
        #[xml(attr = "root-priority-hi")]
        pub root_priority_last: Option<Operand<Word>>,
        /// The address of the tree's root.
        #[xml(attr = "root-address")]
        pub root_address: Option<Operand<MacAddress>>,
        /// Which bits of it count; all by default.
        #[xml(attr = "root-address-mask")]
        pub root_mask: Option<Operand<MacMask>>,
        /// The cost of the way to the root.
        #[xml(attr = "root-cost")]
        pub root_cost: Option<Operand<LongWord>>,
        /// The last such cost.
        #[xml(attr = "root-cost-hi")]
        pub root_cost_last: Option<Operand<LongWord>>,
        /// The priority of the bridge that sends.
        #[xml(attr = "sender-priority")]
        pub sender_priority: Option<Operand<Word>>,
        /// The last such priority.
        #[xml(attr = "sender-priority-hi")]
        pub sender_priority_last: Option<Operand<Word>>,
        /// The address of the bridge that sends.
        #[xml(attr = "sender-address")]
        pub sender_address: Option<Operand<MacAddress>>,
        /// Which bits of it count; all by default.
        #[xml(attr = "sender-address-mask")]
        pub sender_mask: Option<Operand<MacMask>>,
        /// The bridge's port identifier, or the first of a range.
        #[xml(attr)]
        pub port: Option<Operand<Word>>,
        /// The last such port.
        #[xml(attr = "port-hi")]
        pub port_last: Option<Operand<Word>>,
        /// How old the message is.
        #[xml(attr)]
        pub age: Option<Operand<Word>>,
        /// The last such age.
        #[xml(attr = "age-hi")]
        pub age_last: Option<Operand<Word>>,
        /// How old messages may become.
        #[xml(attr = "max-age")]
        pub max_age: Option<Operand<Word>>,
        /// The last such limit.
        #[xml(attr = "max-age-hi")]
        pub max_age_last: Option<Operand<Word>>,
        /// The time between two messages of the root.
        #[xml(attr = "hello-time")]
        pub hello_time: Option<Operand<Word>>,
        /// The last such time.
        #[xml(attr = "hello-time-hi")]
        pub hello_time_last: Option<Operand<Word>>,
        /// How long ports wait before they forward.
        #[xml(attr = "forward-delay")]
        pub forward_delay: Option<Operand<Word>>,
        /// The last such time.
        #[xml(attr = "forward-delay-hi")]
        pub forward_delay_last: Option<Operand<Word>>,
        /// A remark, which the firewall shows.
        #[xml(attr)]
        pub comment: Option<Operand<Comment>>,
    }

    /// `<arp>` and `<rarp>`: questions for addresses, and the answers.
    pub struct ArpTests {
        /// The cards on both ends.
        #[xml(flatten)]
        pub cards: Cards,
        /// The kind of hardware.
        #[xml(attr = "hwtype")]
        pub hardware: Option<Operand<Word>>,
        /// The protocol whose addresses are asked for.
        #[xml(attr = "protocoltype")]
        pub protocol: Option<Operand<Word>>,
        /// Whether it asks or answers, and what.
        #[xml(attr)]
        pub opcode: Option<Operand<ArpOpcode>>,
        /// The sender's address, as the message has it.
        #[xml(attr = "arpsrcmacaddr")]
        pub sender: Option<Operand<MacAddress>>,
        /// The receiver's address, as the message has it.
        #[xml(attr = "arpdstmacaddr")]
        pub receiver: Option<Operand<MacAddress>>,
        /// The sender's IP address.
        #[xml(attr = "arpsrcipaddr")]
        pub sender_ip: Option<Operand<Ipv4Addr>>,
        /// Which bits of it count; all by default.
        #[xml(attr = "arpsrcipmask")]
        pub sender_ip_mask: Option<Operand<Ipv4Mask>>,
        /// The receiver's IP address.
        #[xml(attr = "arpdstipaddr")]
        pub receiver_ip: Option<Operand<Ipv4Addr>>,
        /// Which bits of it count; all by default.
        #[xml(attr = "arpdstipmask")]
        pub receiver_ip_mask: Option<Operand<Ipv4Mask>>,
        /// Whether it says what nobody asked.
        #[xml(attr)]
        pub gratuitous: Option<Operand<Truth>>,
        /// A remark, which the firewall shows.
        #[xml(attr)]
        pub comment: Option<Operand<Comment>>,
    }
}

impl Senders {
    fn settle(is: &mut Self, is_not: &mut Self) {
        follow(&mut is.mask, &mut is_not.mask, is_not.card.address.is_some());
    }
}

impl Cards {
    fn settle(is: &mut Self, is_not: &mut Self) {
        Senders::settle(&mut is.senders, &mut is_not.senders);
        follow(&mut is.receiver_mask, &mut is_not.receiver_mask, is_not.receiver.is_some());
    }
}

impl Protocol for MacTests {
    fn settle(is: &mut Self, is_not: &mut Self) {
        Cards::settle(&mut is.cards, &mut is_not.cards);
    }
}

impl Protocol for VlanTests {
    fn settle(is: &mut Self, is_not: &mut Self) {
        Cards::settle(&mut is.cards, &mut is_not.cards);
    }
}

impl Protocol for ArpTests {}

impl Protocol for StpTests {
    fn settle(is: &mut Self, is_not: &mut Self) {
        Senders::settle(&mut is.senders, &mut is_not.senders);
        let not = is_not;
        follow(&mut is.root_priority_last, &mut not.root_priority_last, not.root_priority.is_some());
        follow(&mut is.root_mask, &mut not.root_mask, not.root_address.is_some());
        follow(&mut is.root_cost_last, &mut not.root_cost_last, not.root_cost.is_some());
        follow(&mut is.sender_priority_last, &mut not.sender_priority_last, not.sender_priority.is_some());
        follow(&mut is.sender_mask, &mut not.sender_mask, not.sender_address.is_some());
        follow(&mut is.port_last, &mut not.port_last, not.port.is_some());
        follow(&mut is.age_last, &mut not.age_last, not.age.is_some());
        follow(&mut is.max_age_last, &mut not.max_age_last, not.max_age.is_some());
        follow(&mut is.hello_time_last, &mut not.hello_time_last, not.hello_time.is_some());
        follow(&mut is.forward_delay_last, &mut not.forward_delay_last, not.forward_delay.is_some());
    }
}
