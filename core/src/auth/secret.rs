//! A key that checks credentials: never shown, wiped when dropped, compared in constant time.

use alloc::{boxed::Box, vec::Vec};
use core::{
    fmt,
    hash::{Hash, Hasher},
};

use subtle::ConstantTimeEq as _;
use zeroize::{ZeroizeOnDrop, Zeroizing};

/// A secret shared with whoever issues credentials: SparkRTC's app key, or Agora's App Certificate. It is text there, and its bytes are taken as they are.
///
/// It has no serde: a secret that can be written ends up written. It has no length limit either, because it comes from whoever runs the server and never from a peer.
#[derive(Clone)]
pub struct Secret(Zeroizing<Box<[u8]>>);

impl Secret {
    /// Keeps a copy of `bytes`. The original is the caller's to wipe.
    pub fn new(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// The bytes, for making a code with them and nothing else.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes that the text spells in hexadecimal digits of either case, if it has as many digits as `N` bytes need.
    pub(super) fn hex_decoded<const N: usize>(&self) -> Option<Self> {
        let digits: Zeroizing<Vec<u8>> = Zeroizing::new(self.0.to_ascii_lowercase());
        let bytes: Zeroizing<[u8; N]> = Zeroizing::new(super::mac::from_hex(&digits)?);
        Some(Self::new(&*bytes))
    }
}

/// In a time that depends on the lengths alone.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Secret {}

impl Hash for Secret {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl ZeroizeOnDrop for Secret {}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    //
    #[test]
    fn is_never_shown() {
        assert_eq!(format!("{:?}", Secret::new(b"app key")), "Secret(..)");
    }

    #[test]
    fn equals_the_same_bytes_only() {
        assert_eq!(Secret::new(b"app key"), Secret::new(b"app key"));
        assert_ne!(Secret::new(b"app key"), Secret::new(b"app kez"));
        assert_ne!(Secret::new(b"app key"), Secret::new(b"app ke"));
        assert_eq!(Secret::new(b""), Secret::new(b""));
    }

    #[test]
    fn is_read_from_hexadecimal_digits_of_either_case() {
        assert_eq!(Secret::new(b"00fFA1").hex_decoded::<3>(), Some(Secret::new(&[0x00, 0xff, 0xa1])));
        assert_eq!(Secret::new(b"00fFA1").hex_decoded::<4>(), None);
        assert_eq!(Secret::new(b"00fFAg").hex_decoded::<3>(), None);
    }
}
