//! Every member's media transport.

use core::net::SocketAddrV4;
use std::collections::{BTreeMap, BTreeSet};

use greenroom_core::{id::MemberId, time::Instant};

use crate::{media::Peer, net::Datagram};

/// Every member's media transport.
///
/// Transports stand in slots, so that forwarding a packet finds its viewer's without a search.
#[derive(Debug, Default)]
pub(super) struct Transports {
    pub(super) slots: Vec<Option<Transport>>,
    pub(super) of_member: BTreeMap<MemberId, usize>,
    of_address: BTreeMap<SocketAddrV4, usize>,
    /// Slots that are known by addresses which nobody described.
    moved: BTreeSet<usize>,
    /// When each transport wants to be told the time.
    pub(super) timers: BTreeSet<(Instant, usize)>,
    /// Slots that were written to or told something, and are to be flushed and heard.
    pub(super) touched: Vec<usize>,
    /// By slot, whether it is one of those.
    pub(super) is_touched: Vec<bool>,
}

/// The peer in front: what a packet needs of it begins with a cache line. Nothing behind it has room for a mark of its own that tells an empty slot, so that this is told in front as well.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Transport {
    pub(super) peer: Peer,
    pub(super) member: MemberId,
    /// When its timer is set to, or [`Instant::MAX`].
    pub(super) armed: Instant,
}

impl Transports {
    pub(super) fn open(&mut self, member: MemberId, peer: Peer) -> usize {
        self.close(member);
        let slot = self.slots.iter().position(Option::is_none).unwrap_or_else(|| {
            self.slots.push(None);
            self.is_touched.push(false);
            self.slots.len() - 1
        });
        if let Some(address) = peer.remote_address() {
            self.of_address.insert(address, slot);
        }
        self.of_member.insert(member, slot);
        self.slots[slot] = Some(Transport { member, peer, armed: Instant::MAX });
        self.touch(slot);
        slot
    }

    pub(super) fn close(&mut self, member: MemberId) {
        let Some(slot) = self.of_member.remove(&member) else {
            return;
        };
        let Some(Transport { peer, armed, .. }) = self.slots[slot].take() else {
            return;
        };
        self.timers.remove(&(armed, slot));
        self.is_touched[slot] = false;
        if let Some(address) = peer.remote_address() {
            self.of_address.remove(&address);
        }
        if self.moved.remove(&slot) {
            self.of_address.retain(|_, other| *other != slot);
        }
    }

    /// The transport that a datagram is for. One from an address that nobody is known by may come of a member that is behind a translator, or has moved: media transport can tell.
    pub(super) fn slot_for(&mut self, datagram: &Datagram) -> Option<usize> {
        if let Some(&slot) = self.of_address.get(&datagram.src) {
            return Some(slot);
        }
        let accepts = |slot: &Option<Transport>| slot.as_ref().is_some_and(|transport| transport.peer.accepts(datagram));
        let slot = self.slots.iter().position(accepts)?;
        self.of_address.insert(datagram.src, slot);
        self.moved.insert(slot);
        Some(slot)
    }

    /// The transport in a slot, to be changed: whoever takes it owes it a flush, which is noted.
    pub(super) fn touch(&mut self, slot: usize) -> Option<&mut Transport> {
        let transport = self.slots.get_mut(slot)?.as_mut()?;
        if !core::mem::replace(&mut self.is_touched[slot], true) {
            self.touched.push(slot);
        }
        Some(transport)
    }

    /// The member's transport, to be changed.
    pub(super) fn of(&mut self, member: MemberId) -> Option<&mut Peer> {
        let slot = *self.of_member.get(&member)?;
        self.touch(slot).map(|transport| &mut transport.peer)
    }

    pub(super) fn arm(&mut self, slot: usize) {
        let Some(Some(transport)) = self.slots.get_mut(slot) else { return };
        let at = transport.peer.poll_timeout().unwrap_or(Instant::MAX);
        if at != transport.armed {
            self.timers.remove(&(transport.armed, slot));
            if at < Instant::MAX {
                self.timers.insert((at, slot));
            }
            transport.armed = at;
        }
    }
}
