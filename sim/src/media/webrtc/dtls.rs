//! Real DTLS 1.2: dimpl with RustCrypto, and every draw from the peer's own stream.
//!
//! dimpl is sans-IO, but three of its parts ask the operating system. The key exchange, and the random source for nonces, draw from fastrand here, where [`Draws`] has put the peer's stream.
//! Its generator for the rest (the hello's random bytes) starts from one seed in all connections: what differs between them are the keys. ECDSA signatures are deterministic by themselves
//! (RFC 6979).

use core::fmt;
use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};

use dimpl::crypto::{ActiveKeyExchange, Buf, NamedGroup, SecureRandom, SupportedKxGroup};
use str0m_proto::crypto::{
    CryptoError, DtlsVersion,
    dtls::{DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, ProtocolVersion},
};
use x25519_dalek::{PublicKey, StaticSecret};

use crate::entropy::Draws;

/// Makes DTLS 1.2 connections, whichever version is asked for: it is what WebRTC endpoints have in common.
#[derive(Debug)]
pub(super) struct Dtls12;

impl DtlsProvider for Dtls12 {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        Some(super::cert::laboratory())
    }

    fn new_dtls(
        &self,
        cert: &DtlsCert,
        now: Instant,
        _version: DtlsVersion,
        _mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        Ok(Box::new(Instance(dimpl::Dtls::new_12(config().clone(), cert.clone(), now))))
    }
}

/// What all connections have in common, made once: dimpl puts a provider through its test vectors whenever a configuration is built, and that takes longer than a handshake.
fn config() -> &'static Arc<dimpl::Config> {
    static CONFIG: OnceLock<Arc<dimpl::Config>> = OnceLock::new();
    CONFIG.get_or_init(|| {
        let mut provider = dimpl::crypto::rust_crypto::default_provider();
        provider.kx_groups = &[&X25519];
        provider.secure_random = &Fastrand;
        let builder = dimpl::Config::builder()
            // ICE has proved the client's address already, so WebRTC servers ask for no cookie.
            .use_server_cookie(false)
            .with_crypto_provider(provider)
            .mtu(str0m_proto::DATAGRAM_MTU_TARGET)
            .dangerously_set_rng_seed(0);
        // The test vectors draw; whoever comes first must not draw otherwise than those after.
        Draws::new(0).scope(|| Arc::new(builder.build().expect("RustCrypto passes the test vectors")))
    })
}

/// dimpl's connection under str0m's trait.
struct Instance(dimpl::Dtls);

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dtls12")
    }
}

impl DtlsInstance for Instance {
    fn set_active(&mut self, active: bool) {
        self.0.set_active(active);
    }
    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.0.handle_packet(packet)
    }
    fn poll_output<'a>(&mut self, buf: &'a mut [u8]) -> DtlsOutput<'a> {
        self.0.poll_output(buf)
    }
    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.0.handle_timeout(now)
    }
    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.0.send_application_data(data)
    }
    fn is_active(&self) -> bool {
        self.0.is_active()
    }
    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.0.protocol_version()
    }
    fn is_closing(&self) -> bool {
        self.0.is_closing()
    }
    fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.0.close()
    }
}

/// The X25519 key exchange (RFC 7748), its secret drawn from fastrand.
#[derive(Debug)]
struct X25519;

impl SupportedKxGroup for X25519 {
    fn name(&self) -> NamedGroup {
        NamedGroup::X25519
    }

    fn start_exchange(&self, _buf: Buf) -> Result<Box<dyn ActiveKeyExchange>, dimpl::CryptoError> {
        let mut bytes = [0; 32];
        fastrand::fill(&mut bytes);
        let secret = StaticSecret::from(bytes);
        let public = PublicKey::from(&secret);
        Ok(Box::new(Exchange { secret, public }))
    }
}

struct Exchange {
    secret: StaticSecret,
    public: PublicKey,
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exchange")
    }
}

impl ActiveKeyExchange for Exchange {
    fn pub_key(&self) -> &[u8] {
        self.public.as_bytes()
    }

    fn complete(self: Box<Self>, peer_pub: &[u8], out: &mut Buf) -> Result<(), dimpl::CryptoError> {
        let theirs: [u8; 32] = peer_pub.try_into().map_err(|_| dimpl::CryptoError::InvalidPublicKey(NamedGroup::X25519))?;
        let shared = self.secret.diffie_hellman(&PublicKey::from(theirs));
        // A point of small order makes the secret a constant (RFC 8422 section 5.11).
        if !shared.was_contributory() {
            return Err(dimpl::CryptoError::InvalidPublicKey(NamedGroup::X25519));
        }
        out.clear();
        out.extend_from_slice(shared.as_bytes());
        Ok(())
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

/// A "secure" random source that a simulation can repeat.
#[derive(Debug)]
struct Fastrand;

impl SecureRandom for Fastrand {
    fn fill(&self, buf: &mut [u8]) -> Result<(), dimpl::CryptoError> {
        fastrand::fill(buf);
        Ok(())
    }
}
