//! The lock of one guest, held for a client's connection: first come, first served.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::protocol::LockHolder;

/// Who holds the lock, and who waits for it in which order.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct GuestLock {
    queue: VecDeque<Claim>,
}

/// A client's claim; the first in the queue holds the lock.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Claim {
    /// Which client.
    pub(super) client: u64,
    /// Which of its requests is to be answered when it gets the lock.
    pub(super) request: u64,
    /// What others are told.
    pub(super) holder: LockHolder,
}

impl GuestLock {
    /// Joins the queue; whether the lock was free, and is the client's now. A client that has it already gets it again.
    pub(super) fn join(&mut self, claim: Claim) -> bool {
        if let Some(first) = self.queue.front_mut().filter(|first| first.client == claim.client) {
            first.holder = claim.holder;
            return true;
        }
        self.queue.push_back(claim);
        self.queue.len() == 1
    }

    /// Leaves the queue, and so lets go of the lock if it was the first: whose turn it is then.
    pub(super) fn leave(&mut self, client: u64) -> Option<Claim> {
        let held = self.is_held_by(client);
        self.queue.retain(|claim| claim.client != client);
        self.queue.front().filter(|_| held).cloned()
    }

    /// Who holds it.
    pub(super) fn holder(&self) -> Option<&LockHolder> {
        self.queue.front().map(|claim| &claim.holder)
    }

    pub(super) fn is_held_by(&self, client: u64) -> bool {
        self.queue.front().is_some_and(|claim| claim.client == client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(client: u64) -> Claim {
        let holder = LockHolder { owner: None, purpose: format!("work of {client}") };
        Claim { client, request: client * 10, holder }
    }

    #[test]
    fn first_come_first_served() {
        let mut lock = GuestLock::default();
        assert!(lock.join(claim(1)) && lock.join(claim(1)));
        assert!(!lock.join(claim(2)) && !lock.join(claim(3)) && !lock.join(claim(4)));
        assert!(lock.leave(3).is_none());
        assert_eq!(lock.leave(1).map(|next| next.request), Some(20));
        assert_eq!(lock.holder().map(|holder| holder.purpose.as_str()), Some("work of 2"));
        assert_eq!(lock.leave(2).map(|next| next.client), Some(4));
        assert!(lock.leave(4).is_none() && lock.holder().is_none());
    }
}
