//! What str0m computes with: hashes for STUN and fingerprints, ciphers for SRTP, all from RustCrypto, without C.
//!
//! str0m takes a provider of five parts. The real one stands here, with its DTLS next door in [`dtls`](super::dtls); the null one in [`null`](super::null).

use core::fmt;

use aes::cipher::{Block, BlockCipherEncrypt, KeyInit};
use aes_gcm::{Aes128Gcm, Aes256Gcm, aead::AeadInOut};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use str0m_proto::crypto::{
    AeadAes128Gcm, AeadAes128GcmCipher, AeadAes256GcmCipher, Aes128CmSha1_80Cipher, CryptoError, CryptoProvider, Sha1HmacProvider,
    Sha1Provider, Sha256Provider, SrtpProvider, SupportedAeadAes128Gcm, SupportedAeadAes256Gcm, SupportedAes128CmSha1_80,
};

/// The provider of real cryptography.
pub(super) const REAL: CryptoProvider = CryptoProvider {
    srtp_provider: &Srtp,
    sha1_hmac_provider: &Hashes,
    sha1_provider: &Hashes,
    sha256_provider: &Hashes,
    dtls_provider: &super::dtls::Dtls12,
};

/// Bytes that an authenticated cipher adds to what it encrypts; the same for both key lengths (RFC 7714 section 5).
pub(super) const TAG_BYTES: usize = AeadAes128Gcm::TAG_LEN;

/// SHA-1 (STUN's integrity, RFC 8489 section 14.5) and SHA-256 (certificate fingerprints).
#[derive(Debug)]
pub(super) struct Hashes;

impl Sha1HmacProvider for Hashes {
    fn sha1_hmac(&self, key: &[u8], payloads: &[&[u8]]) -> [u8; 20] {
        let mut mac = <Hmac<Sha1> as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
        for payload in payloads {
            mac.update(payload);
        }
        mac.finalize().into_bytes().into()
    }
}

impl Sha1Provider for Hashes {
    fn sha1(&self, data: &[u8]) -> [u8; 20] {
        Sha1::digest(data).into()
    }
}

impl Sha256Provider for Hashes {
    fn sha256(&self, data: &[u8]) -> [u8; 32] {
        Sha256::digest(data).into()
    }
}

/// SRTP's three protection profiles, and its key derivation (RFC 3711 section 4.3.3).
#[derive(Debug)]
struct Srtp;

impl SrtpProvider for Srtp {
    fn aes_128_cm_sha1_80(&self) -> &'static dyn SupportedAes128CmSha1_80 {
        &CounterMode
    }
    fn aead_aes_128_gcm(&self) -> &'static dyn SupportedAeadAes128Gcm {
        &GaloisCounterMode
    }
    fn aead_aes_256_gcm(&self) -> &'static dyn SupportedAeadAes256Gcm {
        &GaloisCounterMode
    }
    fn srtp_aes_128_ecb_round(&self, key: &[u8], input: &[u8], output: &mut [u8]) {
        ecb_round::<aes::Aes128>(key, input, output);
    }
    fn srtp_aes_256_ecb_round(&self, key: &[u8], input: &[u8], output: &mut [u8]) {
        ecb_round::<aes::Aes256>(key, input, output);
    }
}

/// Encrypts one block, and after it the block of padding that str0m's key derivation expects (it reads no more than the first, but leaves room for a padded ECB cipher's two).
fn ecb_round<C: BlockCipherEncrypt + KeyInit>(key: &[u8], input: &[u8], output: &mut [u8]) {
    let cipher = C::new_from_slice(key).expect("str0m passes a key of the cipher it names");
    let (first, padding) = output.split_at_mut(16);
    for (plain, encrypted) in [(input, first), (&[16; 16], padding)] {
        let mut block = Block::<C>::default();
        block.copy_from_slice(&plain[..16]);
        cipher.encrypt_block(&mut block);
        encrypted[..16].copy_from_slice(&block);
    }
}

/// AES-GCM of both key lengths (RFC 7714).
#[derive(Debug)]
struct GaloisCounterMode;

impl SupportedAeadAes128Gcm for GaloisCounterMode {
    fn create_cipher(&self, key: [u8; 16], _encrypt: bool) -> Box<dyn AeadAes128GcmCipher> {
        Box::new(Gcm(Aes128Gcm::new(&key.into())))
    }
}

impl SupportedAeadAes256Gcm for GaloisCounterMode {
    fn create_cipher(&self, key: [u8; 32], _encrypt: bool) -> Box<dyn AeadAes256GcmCipher> {
        Box::new(Gcm(Aes256Gcm::new(&key.into())))
    }
}

/// A cipher with its key. Says nothing of the key when printed.
struct Gcm<C>(C);

impl<C> fmt::Debug for Gcm<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gcm")
    }
}

/// Implements one of str0m's two cipher traits, alike but in name.
macro_rules! gcm {
    ($trait:ident for $cipher:ty) => {
        impl $trait for Gcm<$cipher> {
            fn encrypt(&mut self, iv: &[u8; 12], aad: &[u8], input: &[u8], output: &mut [u8]) -> Result<(), CryptoError> {
                let (body, tail) = output.split_at_mut(input.len());
                body.copy_from_slice(input);
                let tag =
                    self.0.encrypt_inout_detached(iv.into(), aad, body.into()).map_err(|_| failed("SRTP packet too long to encrypt"))?;
                tail[..TAG_BYTES].copy_from_slice(&tag);
                Ok(())
            }

            fn decrypt(&mut self, iv: &[u8; 12], aads: &[&[u8]], input: &[u8], output: &mut [u8]) -> Result<usize, CryptoError> {
                let (body, tag) = input.split_last_chunk::<TAG_BYTES>().ok_or_else(|| failed("SRTP packet shorter than its tag"))?;
                let joined: Vec<u8>; // SRTCP authenticates two pieces; SRTP, which is nearly all packets, one
                let aad = match aads {
                    [one] => one,
                    several => {
                        joined = several.concat();
                        &joined[..]
                    }
                };
                let output = &mut output[..body.len()];
                output.copy_from_slice(body);
                self.0
                    .decrypt_inout_detached(iv.into(), aad, output.into(), tag.into())
                    .map_err(|_| failed("SRTP packet does not authenticate"))?;
                Ok(body.len())
            }
        }
    };
}

gcm!(AeadAes128GcmCipher for Aes128Gcm);
gcm!(AeadAes256GcmCipher for Aes256Gcm);

/// AES in counter mode (RFC 3711 section 4.1.1). str0m adds the HMAC.
#[derive(Debug)]
pub(super) struct CounterMode;

impl SupportedAes128CmSha1_80 for CounterMode {
    fn create_cipher(&self, key: [u8; 16], _encrypt: bool) -> Box<dyn Aes128CmSha1_80Cipher> {
        Box::new(Ctr(aes::Aes128::new(&key.into())))
    }
}

struct Ctr(aes::Aes128);

impl fmt::Debug for Ctr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ctr")
    }
}

impl Ctr {
    /// Adds the key stream that begins at `iv`: encryption and decryption alike.
    fn apply(&self, iv: &[u8; 16], input: &[u8], output: &mut [u8]) {
        let mut counter = u128::from_be_bytes(*iv);
        for (input, output) in input.chunks(16).zip(output.chunks_mut(16)) {
            let mut stream = counter.to_be_bytes().into();
            self.0.encrypt_block(&mut stream);
            for ((output, input), key) in output.iter_mut().zip(input).zip(stream) {
                *output = input ^ key;
            }
            counter = counter.wrapping_add(1);
        }
    }
}

impl Aes128CmSha1_80Cipher for Ctr {
    fn encrypt(&mut self, iv: &[u8; 16], input: &[u8], output: &mut [u8]) -> Result<(), CryptoError> {
        self.apply(iv, input, output);
        Ok(())
    }
    fn decrypt(&mut self, iv: &[u8; 16], input: &[u8], output: &mut [u8]) -> Result<(), CryptoError> {
        self.apply(iv, input, output);
        Ok(())
    }
}

pub(super) fn failed(what: &str) -> CryptoError {
    CryptoError::Other(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unhex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    /// RFC 3711 appendix B.2: the session key and initial counter of the test vectors, whose key stream is what encrypting zeros gives.
    #[test]
    fn counter_mode_makes_the_key_stream_of_rfc_3711() {
        let mut cipher = CounterMode.create_cipher(unhex("2B7E151628AED2A6ABF7158809CF4F3C").try_into().unwrap(), true);
        let mut stream = [0; 40];
        cipher.encrypt(&unhex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000").try_into().unwrap(), &[0; 40], &mut stream).unwrap();
        assert_eq!(stream[..16], unhex("E03EAD0935C95E80E166B16DD92B4EB4"));
        assert_eq!(stream[16..32], unhex("D23513162B02D0F72A43A2FE4A5F97AB"));
        assert_eq!(stream[32..], unhex("41E95B3BB0A2E8DD")[..8]);
    }

    /// RFC 7714 section 16.1.1: AEAD_AES_128_GCM over an RTP packet.
    #[test]
    fn galois_counter_mode_seals_the_packet_of_rfc_7714() {
        let mut cipher =
            SupportedAeadAes128Gcm::create_cipher(&GaloisCounterMode, unhex("000102030405060708090a0b0c0d0e0f").try_into().unwrap(), true);
        let iv = unhex("51753c6580c2726f20718414").try_into().unwrap();
        let aad = unhex("8040f17b8041f8d35501a0b2");
        let plain = unhex("47616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573");
        let sealed = unhex("f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce");

        let mut output = vec![0; plain.len() + TAG_BYTES];
        cipher.encrypt(&iv, &aad, &plain, &mut output).unwrap();
        assert_eq!(output, sealed);

        let mut opened = vec![0; plain.len()];
        assert_eq!(cipher.decrypt(&iv, &[&aad], &sealed, &mut opened).unwrap(), plain.len());
        assert_eq!(opened, plain);
        assert!(cipher.decrypt(&iv, &[&aad[1..]], &sealed, &mut opened).is_err());
        assert!(cipher.decrypt(&iv, &[&aad], &sealed[..15], &mut opened).is_err());
    }

    /// RFC 2202 section 3, case 2, in two pieces.
    #[test]
    fn the_hmac_is_that_of_rfc_2202() {
        let mac = Hashes.sha1_hmac(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
        assert_eq!(mac[..], unhex("effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"));
    }

    /// RFC 3711 appendix B.3: the cipher key derived from the master key is one AES block.
    #[test]
    fn key_derivation_encrypts_the_block_of_rfc_3711() {
        let mut output = [0; 32];
        Srtp.srtp_aes_128_ecb_round(&unhex("E1F97A0D3E018BE0D64FA32C06DE4139"), &unhex("0EC675AD498AFEEBB6960B3AABE60000"), &mut output);
        assert_eq!(output[..16], unhex("C61E7A93744F39EE10734AFE3FF7A087"));
    }
}
