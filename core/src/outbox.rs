//! What waits to be sent on one connection, with a bound: for embedders, whose sockets take bytes when they please.
//!
//! A peer that reads too slowly makes what it is told pile up, and a server that lets it pile up runs out of memory for everyone. So what waits is counted, in messages and in
//! bytes. When there is too much of it, nothing can be left out, because each message builds on those before: the connection is at its end. The embedder says so
//! ([`Input::Overflowed`](crate::service::Input::Overflowed)), the client comes back on a fresh connection, and there it gets a snapshot in place of all that it missed.

use alloc::collections::VecDeque;

use crate::limits;

/// What waits to be sent on one connection, oldest first. `T` is a message as the embedder keeps it, most likely shared bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Outbox<T> {
    waiting: VecDeque<(T, usize)>,
    bytes: usize,
}

/// More waits for the connection than may. The message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{messages} messages of {bytes} bytes wait for the connection to take them: close it and tell the service that it overflowed")]
pub struct Overflow {
    /// How many messages wait.
    pub messages: usize,
    /// How many bytes they have.
    pub bytes: usize,
}

impl<T> Outbox<T> {
    /// An empty one.
    pub const fn new() -> Self {
        Self { waiting: VecDeque::new(), bytes: 0 }
    }

    /// Takes in a message of that many bytes, unless [`limits::OUTBOX_MESSAGES`] or [`limits::OUTBOX_BYTES`] would be passed.
    ///
    /// One message counts as half of [`limits::OUTBOX_BYTES`] at most: the snapshot of a room of ten thousand is larger than all that may wait, and whoever enters such a room is
    /// not too slow. Two of them fill the box.
    pub fn push(&mut self, message: T, bytes: usize) -> Result<(), Overflow> {
        let counted = bytes.min(limits::OUTBOX_BYTES / 2);
        if self.waiting.len() >= limits::OUTBOX_MESSAGES || self.bytes + counted > limits::OUTBOX_BYTES {
            return Err(Overflow { messages: self.waiting.len(), bytes: self.bytes });
        }
        self.waiting.push_back((message, counted));
        self.bytes += counted;
        Ok(())
    }

    /// Takes the oldest message out.
    pub fn pop(&mut self) -> Option<T> {
        let (message, counted) = self.waiting.pop_front()?;
        self.bytes -= counted;
        Some(message)
    }

    /// The oldest message, which stays.
    pub fn first(&self) -> Option<&T> {
        self.waiting.front().map(|(message, _)| message)
    }

    /// How many messages wait.
    pub fn messages(&self) -> usize {
        self.waiting.len()
    }

    /// How many bytes wait, as they are counted.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Forgets everything, so that a last word still finds room.
    pub fn clear(&mut self) {
        self.waiting.clear();
        self.bytes = 0;
    }
}

impl<T> Default for Outbox<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_as_they_went_in() {
        let mut outbox = Outbox::new();
        for (message, bytes) in [("one", 3), ("two", 3), ("three", 5)] {
            assert_eq!(outbox.push(message, bytes), Ok(()));
        }
        assert_eq!((outbox.messages(), outbox.bytes(), outbox.first()), (3, 11, Some(&"one")));
        let taken: alloc::vec::Vec<_> = core::iter::from_fn(|| outbox.pop()).collect();
        assert_eq!((taken, outbox.bytes()), (alloc::vec!["one", "two", "three"], 0));
    }

    #[test]
    fn too_many_messages_overflow_and_one_less_makes_place() {
        let mut outbox = Outbox::new();
        for message in 0..limits::OUTBOX_MESSAGES {
            assert_eq!(outbox.push(message, 1), Ok(()));
        }
        let full = Overflow { messages: limits::OUTBOX_MESSAGES, bytes: limits::OUTBOX_MESSAGES };
        assert_eq!(outbox.push(0, 1), Err(full));
        assert_eq!((outbox.pop(), outbox.push(0, 1)), (Some(0), Ok(())));
    }

    #[test]
    fn too_many_bytes_overflow_but_one_large_message_does_not() {
        let mut outbox = Outbox::new();
        let large = 10 * limits::OUTBOX_BYTES;
        assert_eq!(outbox.push("snapshot", large), Ok(()));
        assert_eq!(outbox.push("news", 100), Ok(()));
        assert!(outbox.push("another snapshot", large).is_err());
        outbox.clear();
        assert_eq!((outbox.push("a last word", 11), outbox.messages(), outbox.bytes()), (Ok(()), 1, 11));
    }
}
