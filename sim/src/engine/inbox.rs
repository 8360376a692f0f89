//! What is on its way to a node, in the order in which it arrives.

use greenroom_core::time::Instant;

use crate::{
    net::{Datagram, SERVER, network::address_of},
    node::Input,
};

/// Something on its way to a node.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) at: Instant,
    pub(super) origin: Origin,
    pub(super) input: Input,
}

impl Arrival {
    /// What stands in a place that nothing was written to yet.
    const BLANK: Self = Self { at: Instant::ZERO, origin: Origin(0), input: Input::Moved { address: address_of(SERVER) } };

    /// Whether all there is of it lies in its place.
    #[inline]
    fn owns_nothing(&self) -> bool {
        match &self.input {
            Input::Datagram(datagram) => datagram.payload.few().is_some(),
            Input::Moved { .. } => true,
            Input::Signal { .. } => false,
        }
    }

    #[cold]
    fn let_go(&mut self) {
        *self = Self::BLANK;
    }

    pub(super) const fn key(&self) -> (Instant, Origin) {
        (self.at, self.origin)
    }
}

/// Who sent something, above, and its own count of it in the lower 48 bits: of what arrives at one instant that of the lowest place comes first, and what was sent first of that.
///
/// One number leaves no gap beside a place of 16 bits: an arrival is 80 bytes, five of the widest moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Origin(u64);

impl Origin {
    const COUNT_BITS: u32 = 48;

    #[inline]
    pub(super) const fn new(from: u16, count: u64) -> Self {
        debug_assert!(count >> Self::COUNT_BITS == 0, "nobody sends 2^48 times");
        Self((from as u64) << Self::COUNT_BITS | count)
    }

    /// The sender's place.
    #[inline]
    pub(super) const fn place(self) -> u16 {
        (self.0 >> Self::COUNT_BITS) as u16
    }

    /// The sender's count.
    pub(super) const fn count(self) -> u64 {
        self.0 & ((1 << Self::COUNT_BITS) - 1)
    }
}

/// In order of arrival. A sorted queue and no heap: what one sender sends mostly arrives in the order of sending, so the place of a newcomer is at or near the end.
///
/// It is a ring of places that hold something at all times: what was taken is read where it lies, and stays there until it is written over, but for what owns memory elsewhere, which is let go at once. So
/// nothing is moved as it is taken, and a place that is free is written over without a look at it: it was left long ago, and to look is to wait for memory. A datagram goes there in whole, its time and its
/// sender beside it; to move an arrival in whole would be to read as one what was just written as two (see [`Carrier`](super::Carrier)).
#[derive(Debug, Default)]
pub(super) struct Inbox {
    /// As many as a power of two. Those that are free own nothing.
    places: Vec<Arrival>,
    first: u32,
    len: u32,
}

/// Places of an inbox at first. A choice: what comes at once in a small room.
const PLACES_LEAST: usize = 4;

impl Inbox {
    /// The place of the `n`-th arrival, or of the newcomer behind the last.
    #[inline]
    fn place(&self, n: u32) -> usize {
        (self.first.wrapping_add(n)) as usize & self.places.len().wrapping_sub(1)
    }

    /// What arrives first.
    #[inline]
    pub(super) fn first(&self) -> Option<&Arrival> {
        if self.len == 0 { None } else { self.places.get(self.place(0)) }
    }

    /// All that is on its way, in order.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Arrival> {
        (0..self.len).map(|n| &self.places[self.place(n)])
    }

    /// Puts in a datagram that arrives last, and says whether it arrives first as well.
    #[expect(clippy::inline_always, reason = "called at one place, for every datagram")]
    #[inline(always)]
    pub(super) fn push_datagram(&mut self, at: Instant, origin: Origin, datagram: &mut Datagram) -> bool {
        let place = self.next_place();
        (place.at, place.origin) = (at, origin);
        // What is there owns nothing, and to drop it would be to look at it.
        debug_assert!(place.owns_nothing(), "a place was left full");
        core::mem::forget(core::mem::replace(&mut place.input, Input::Datagram(datagram.take())));
        self.len == 1
    }

    /// The same for anything.
    pub(super) fn push(&mut self, arrival: Arrival) -> bool {
        *self.next_place() = arrival;
        self.len == 1
    }

    /// Puts something in its place among what may arrive later, and says whether it arrives first.
    pub(super) fn insert(&mut self, arrival: Arrival) -> bool {
        let key = arrival.key();
        let (mut n, mut end) = (0, self.len);
        while n < end {
            let middle = n.midpoint(end);
            if self.places[self.place(middle)].key() < key {
                n = middle + 1;
            } else {
                end = middle;
            }
        }
        self.push(arrival);
        // It lies behind the last. All between it and its place move on by one, some of them round the end of the ring.
        let (from, to) = (self.place(n), self.place(self.len - 1));
        if from <= to {
            self.places[from..=to].rotate_right(1);
        } else {
            self.places[..=to].rotate_right(1);
            let last = self.places.len() - 1;
            self.places.swap(0, last);
            self.places[from..].rotate_right(1);
        }
        n == 0
    }

    /// Goes on to the next one: the first was read where it lies.
    #[inline]
    pub(super) fn forget_first(&mut self) {
        let place = self.place(0);
        if let Some(first) = self.places.get_mut(place)
            && !first.owns_nothing()
        {
            first.let_go();
        }
        self.first = self.first.wrapping_add(1);
        self.len -= 1;
        if self.len == 0 {
            self.first = 0; // the next one is written where the first one was: memory that is at hand
        }
    }

    /// Takes out what arrives first.
    pub(super) fn take_first(&mut self) -> Option<Arrival> {
        if self.len == 0 {
            return None;
        }
        let place = self.place(0);
        let first = core::mem::replace(&mut self.places[place], Arrival::BLANK);
        self.forget_first();
        Some(first)
    }

    /// The place behind the last arrival, which counts from now on.
    #[expect(clippy::inline_always, reason = "for every datagram")]
    #[inline(always)]
    fn next_place(&mut self) -> &mut Arrival {
        if self.len as usize == self.places.len() {
            self.grow();
        }
        let place = self.place(self.len);
        self.len += 1;
        &mut self.places[place]
    }

    #[cold]
    fn grow(&mut self) {
        let (first, places) = (self.place(0), (self.places.len() * 2).max(PLACES_LEAST));
        self.places.rotate_left(first);
        self.first = 0;
        self.places.resize_with(places, || Arrival::BLANK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(at: u64, count: u64) -> Arrival {
        Arrival { at: Instant::from_nanos(at), origin: Origin::new(1, count), input: Arrival::BLANK.input }
    }

    #[test]
    fn what_arrives_first_is_taken_first_however_much_was_taken_before() {
        // Given an inbox that is never empty,
        let mut inbox = Inbox::default();
        let mut waiting = Vec::new();
        for count in 0..1000 {
            // when three arrivals come for each two that are taken, the last of them ahead of the others,
            for (at, count) in [(10 * count + 500, 3 * count), (10 * count + 501, 3 * count + 1)] {
                inbox.push(arrival(at, count));
                waiting.push((at, count));
            }
            let early = (10 * count + 300, 3 * count + 2);
            let place = waiting.iter().position(|other| *other > early).unwrap_or(waiting.len());
            waiting.insert(place, early);
            assert_eq!(inbox.insert(arrival(early.0, early.1)), place == 0);
            // then they are taken in order of time.
            for by_value in [true, false] {
                let (at, count) = waiting.remove(0);
                assert_eq!(inbox.first().map(Arrival::key), Some(arrival(at, count).key()));
                if by_value {
                    assert_eq!(inbox.take_first().map(|first| first.key()), Some(arrival(at, count).key()));
                } else {
                    inbox.forget_first();
                }
            }
            assert!(inbox.iter().map(Arrival::key).eq(waiting.iter().map(|(at, count)| arrival(*at, *count).key())));
        }
    }
}
