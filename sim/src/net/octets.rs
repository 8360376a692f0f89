//! The bytes of a packet: in place when they are few, shared when they are many.

use core::{cmp::Ordering, fmt, ops::Deref};
use std::sync::Arc;

/// Bytes that are written once: up to `FEW` of them (at most 255) in the value itself, more behind a counted pointer.
///
/// Modelled media carries heads of some bytes, and ten thousands of them a simulated second: in place they cost neither an allocation nor a cache line of their own. WebRTC's packets
/// of a thousand bytes are shared by all who hold them.
#[derive(Clone)]
pub struct Octets<const FEW: usize>(Held<FEW>);

#[derive(Clone)]
enum Held<const FEW: usize> {
    Here { len: u8, bytes: [u8; FEW] },
    Shared(Arc<[u8]>),
}

impl<const FEW: usize> Octets<FEW> {
    /// The first `len` of `bytes`, which came into being in place; all of them where `len` is larger.
    pub fn in_place(bytes: [u8; FEW], len: usize) -> Self {
        const { assert!(FEW <= u8::MAX as usize, "the length has eight bits") }
        #[expect(clippy::cast_possible_truncation, reason = "checked when compiled")]
        let len = len.min(FEW) as u8;
        Self(Held::Here { len, bytes })
    }

    /// The bytes in place with all the room there is, and how many count; none where they are shared.
    ///
    /// To copy a number of bytes that the compiler knows takes an instruction or two, to copy as many as there are takes a call.
    pub const fn few(&self) -> Option<(&[u8; FEW], usize)> {
        match &self.0 {
            Held::Here { len, bytes } => Some((bytes, *len as usize)),
            Held::Shared(_) => None,
        }
    }

    /// Room for `len` bytes in place (at most `FEW`), to be written where they are to lie.
    ///
    /// What is put together elsewhere and moved here waits: a processor cannot read sixteen bytes at once that were just written one number at a time (store forwarding).
    #[inline]
    pub fn place(&mut self, len: usize) -> &mut [u8; FEW] {
        if let Held::Shared(_) = self.0 {
            *self = Self::default();
        }
        let Held::Here { len: count, bytes } = &mut self.0 else { unreachable!("made so above") };
        #[expect(clippy::cast_possible_truncation, reason = "checked when compiled")]
        let len = len.min(FEW) as u8;
        *count = len;
        bytes
    }

    /// What `head` and `tail` are together.
    pub fn joined(head: &[u8], tail: &[u8]) -> Self {
        let total = head.len() + tail.len();
        if total > FEW {
            return Self(Held::Shared([head, tail].concat().into()));
        }
        let mut bytes = [0; FEW];
        bytes[..head.len()].copy_from_slice(head);
        bytes[head.len()..total].copy_from_slice(tail);
        Self::in_place(bytes, total)
    }

    /// The bytes, to be changed; what others share stays as it is.
    pub fn make_mut(&mut self) -> &mut [u8] {
        match &mut self.0 {
            Held::Here { len, bytes } => &mut bytes[..usize::from(*len)],
            Held::Shared(shared) => Arc::make_mut(shared),
        }
    }

    /// The bytes as everybody can share them: copied only if they are here.
    pub fn to_shared(&self) -> Arc<[u8]> {
        match &self.0 {
            Held::Here { .. } => (**self).into(),
            Held::Shared(shared) => Arc::clone(shared),
        }
    }
}

/// No bytes.
impl<const FEW: usize> Default for Octets<FEW> {
    fn default() -> Self {
        Self::in_place([0; FEW], 0)
    }
}

impl<const FEW: usize> Deref for Octets<FEW> {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Held::Here { len, bytes } => &bytes[..usize::from(*len)],
            Held::Shared(shared) => shared,
        }
    }
}

impl<const FEW: usize> From<&[u8]> for Octets<FEW> {
    fn from(bytes: &[u8]) -> Self {
        let mut few = [0; FEW];
        match few.get_mut(..bytes.len()) {
            Some(here) => {
                here.copy_from_slice(bytes);
                Self::in_place(few, bytes.len())
            }
            None => Self(Held::Shared(bytes.into())),
        }
    }
}

impl<const FEW: usize, const N: usize> From<[u8; N]> for Octets<FEW> {
    fn from(bytes: [u8; N]) -> Self {
        bytes.as_slice().into()
    }
}

impl<const FEW: usize> From<Vec<u8>> for Octets<FEW> {
    fn from(bytes: Vec<u8>) -> Self {
        bytes.as_slice().into()
    }
}

impl<const FEW: usize> From<Arc<[u8]>> for Octets<FEW> {
    fn from(bytes: Arc<[u8]>) -> Self {
        Self(Held::Shared(bytes))
    }
}

/// Where they are kept is nobody's business.
impl<const FEW: usize> PartialEq for Octets<FEW> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<const FEW: usize> Eq for Octets<FEW> {}

impl<const FEW: usize> PartialOrd for Octets<FEW> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<const FEW: usize> Ord for Octets<FEW> {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl<const FEW: usize> fmt::Debug for Octets<FEW> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_and_many_read_alike() {
        for len in 0..10 {
            let plain: Vec<u8> = (0..len).collect();
            let octets = Octets::<5>::from(plain.clone());
            assert_eq!(*octets, plain[..]);
            assert_eq!(octets, Octets::from(octets.to_shared()), "wherever they are kept");
            for cut in 0..plain.len() {
                assert_eq!(Octets::joined(&plain[..cut], &plain[cut..]), octets);
            }
        }
    }

    #[test]
    fn a_change_is_seen_by_nobody_else() {
        for plain in [vec![1, 2], vec![1, 2, 3]] {
            let before = Octets::<2>::from(plain.clone());
            let mut after = before.clone();
            after.make_mut()[0] = 9;
            assert_eq!((*before)[..], plain[..]);
            assert_eq!(after[0], 9);
        }
    }
}
