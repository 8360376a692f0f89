//! The two message authentication codes that credentials are made of, HMAC-SHA-256 and HMAC-SHA-1 (RFC 2104), and hexadecimal digits.
//!
//! SHA-1 has lost its resistance to collisions, which HMAC does not rest on: no forgery of HMAC-SHA-1 is known (RFC 6194 section 3.3). We keep it because issued keys use it.

use alloc::string::String;

use hmac::{Hmac, KeyInit as _, Mac as _, digest::FixedOutput};
use sha1::Sha1;
use sha2::Sha256;

use super::Secret;

/// A code over all that it was given. It is compared by `verify_slice` in constant time, or finished into bytes; comparing those with `==` would tell an attacker how many are right.
pub(super) type HmacSha1 = Hmac<Sha1>;
/// As [`HmacSha1`], with SHA-256.
pub(super) type HmacSha256 = Hmac<Sha256>;

/// The HMAC-SHA-1 over `parts`, one after the other with nothing between them.
pub(super) fn hmac_sha1(key: &Secret, parts: &[&[u8]]) -> HmacSha1 {
    let mut mac = HmacSha1::new_from_slice(key.bytes()).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac
}

/// The HMAC-SHA-256 over `parts`, one after the other with nothing between them.
pub(super) fn hmac_sha256(key: &Secret, parts: &[&[u8]]) -> HmacSha256 {
    let mut mac = HmacSha256::new_from_slice(key.bytes()).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac
}

/// The finished code in lower-case hexadecimal digits: what an issuer hands out.
pub(super) fn to_hex(mac: impl FixedOutput) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).expect("half a byte is below 16");
    mac.finalize_fixed().iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}

/// The bytes that exactly `2 * N` lower-case hexadecimal digits spell.
pub(super) fn from_hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys and data of RFC 4231 section 4, with the HMAC-SHA-256 of each. Its case 5 is a truncated code, which nothing here makes.
    #[test]
    fn hmac_sha256_is_that_of_rfc_4231() {
        let counting: [u8; 25] = core::array::from_fn(|i| u8::try_from(i + 1).expect("up to 25"));
        let cases: [(&[u8], &[u8], &str); 6] = [
            (&[0x0b; 20], b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
            (&[0xaa; 20], &[0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
            (&counting, &[0xcd; 50], "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
            (
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
            (
                &[0xaa; 131],
                b"This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.",
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
            ),
        ];
        for (key, data, expected) in cases {
            let key = Secret::new(key);
            assert_eq!(to_hex(hmac_sha256(&key, &[data])), expected);
            let (head, tail) = data.split_at(data.len() / 3);
            assert_eq!(to_hex(hmac_sha256(&key, &[head, b"", tail])), expected, "in parts");
        }
    }

    /// Keys and data of RFC 2202 section 3, with the HMAC-SHA-1 of each.
    #[test]
    fn hmac_sha1_is_that_of_rfc_2202() {
        let counting: [u8; 25] = core::array::from_fn(|i| u8::try_from(i + 1).expect("up to 25"));
        let cases: [(&[u8], &[u8], &str); 7] = [
            (&[0x0b; 20], b"Hi There", "b617318655057264e28bc0b6fb378c8ef146be00"),
            (b"Jefe", b"what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
            (&[0xaa; 20], &[0xdd; 50], "125d7342b9ac11cd91a39af48aa17b4f63f175d3"),
            (&counting, &[0xcd; 50], "4c9007f4026250c6bc8414f9bf50c86c2d7235da"),
            (&[0x0c; 20], b"Test With Truncation", "4c1a03424b55e07fe7f27be1d58bb9324a9a5a04"),
            (&[0xaa; 80], b"Test Using Larger Than Block-Size Key - Hash Key First", "aa4ae5e15272d00e95705637ce8a3b55ed402112"),
            (
                &[0xaa; 80],
                b"Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data",
                "e8e99d0f45237d786d6bbaa7965c7808bbff1a91",
            ),
        ];
        for (key, data, expected) in cases {
            assert_eq!(to_hex(hmac_sha1(&Secret::new(key), &[data])), expected);
        }
    }

    #[test]
    fn digits_are_lower_case_and_of_the_exact_number() {
        assert_eq!(from_hex(b"00ff1a"), Some([0x00, 0xff, 0x1a]));
        for not_three_bytes in [&b"00FF1a"[..], b"00ff1", b"00ff1a0", b"00ff1g", b"+0ff1a", b""] {
            assert_eq!(from_hex::<3>(not_three_bytes), None);
        }
    }
}
