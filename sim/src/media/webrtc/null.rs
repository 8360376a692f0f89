//! Null cryptography that keeps every size: SRTP that copies, and a DTLS of empty flights.
//!
//! A simulated network sees how many datagrams there are, how large, and when. All that is as with real cryptography, for some half of its time, of which most goes into
//! handshakes. Nothing is secret and nothing proved; a packet with any tag but [`TAG`] is refused all the same, so that garbage is told from media.

use core::time::Duration;
use std::{collections::VecDeque, time::Instant};

use str0m_proto::crypto::{
    AeadAes128GcmCipher, AeadAes256GcmCipher, CryptoError, CryptoProvider, DtlsVersion, SrtpProvider, SupportedAeadAes128Gcm,
    SupportedAeadAes256Gcm, SupportedAes128CmSha1_80,
    dtls::{DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, KeyingMaterial, ProtocolVersion, SrtpProfile},
};

use super::crypto::{CounterMode, REAL, TAG_BYTES, failed};

/// The provider of null cryptography. STUN's hashes stay real: they are few, and ICE checks them.
pub(super) const NULL: CryptoProvider = CryptoProvider { srtp_provider: &Srtp, dtls_provider: &Dtls, ..REAL };

/// What stands where a real packet has its tag.
const TAG: [u8; TAG_BYTES] = *b"null ciphertag..";

#[derive(Debug)]
struct Srtp;

impl SrtpProvider for Srtp {
    fn aes_128_cm_sha1_80(&self) -> &'static dyn SupportedAes128CmSha1_80 {
        &CounterMode // never negotiated: null DTLS always answers AEAD_AES_128_GCM
    }
    fn aead_aes_128_gcm(&self) -> &'static dyn SupportedAeadAes128Gcm {
        &Copy
    }
    fn aead_aes_256_gcm(&self) -> &'static dyn SupportedAeadAes256Gcm {
        &Copy
    }
    fn srtp_aes_128_ecb_round(&self, _key: &[u8], _input: &[u8], output: &mut [u8]) {
        output.fill(0);
    }
    fn srtp_aes_256_ecb_round(&self, _key: &[u8], _input: &[u8], output: &mut [u8]) {
        output.fill(0);
    }
}

/// The cipher that copies, and the factory of itself.
#[derive(Debug)]
struct Copy;

impl SupportedAeadAes128Gcm for Copy {
    fn create_cipher(&self, _key: [u8; 16], _encrypt: bool) -> Box<dyn AeadAes128GcmCipher> {
        Box::new(Self)
    }
}

impl SupportedAeadAes256Gcm for Copy {
    fn create_cipher(&self, _key: [u8; 32], _encrypt: bool) -> Box<dyn AeadAes256GcmCipher> {
        Box::new(Self)
    }
}

/// Implements one of str0m's two cipher traits, alike but in name.
macro_rules! copy {
    ($trait:ident) => {
        impl $trait for Copy {
            fn encrypt(&mut self, _iv: &[u8; 12], _aad: &[u8], input: &[u8], output: &mut [u8]) -> Result<(), CryptoError> {
                let (body, tag) = output.split_at_mut(input.len());
                body.copy_from_slice(input);
                tag[..TAG_BYTES].copy_from_slice(&TAG);
                Ok(())
            }

            fn decrypt(&mut self, _iv: &[u8; 12], _aads: &[&[u8]], input: &[u8], output: &mut [u8]) -> Result<usize, CryptoError> {
                let body = input.strip_suffix(&TAG).ok_or_else(|| failed("packet without the null tag"))?;
                output[..body.len()].copy_from_slice(body);
                Ok(body.len())
            }
        }
    };
}

copy!(AeadAes128GcmCipher);
copy!(AeadAes256GcmCipher);

/// First byte of a handshake record, by which DTLS is told from RTP and STUN (RFC 7983 section 7).
const HANDSHAKE: u8 = 22;
/// First byte of an alert record. The only alert here closes.
const ALERT: u8 = 21;
/// Bytes of an alert record under AES-GCM: header 13, nonce 8, alert 2, tag 16.
const ALERT_BYTES: usize = 39;
/// First wait for an answer to a flight; it doubles. dimpl's, which is RFC 6347's recommendation (section 4.2.4.1).
const FLIGHT_RTO: Duration = Duration::from_secs(1);
/// How often a flight is sent again before the handshake fails; dimpl's.
const FLIGHT_RETRIES: u32 = 4;

/// The four flights of a DTLS 1.2 handshake with client certificate (RFC 6347 section 4.2.4, without cookie).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flight {
    ClientHello,
    /// ServerHello to ServerHelloDone, the certificate among them.
    ServerHello,
    /// Certificate to Finished.
    ClientFinished,
    ServerFinished,
}

impl Flight {
    /// All flights, in order.
    const ALL: [Self; 4] = [Self::ClientHello, Self::ServerHello, Self::ClientFinished, Self::ServerFinished];

    /// Size of the datagram that carries it, in bytes: measured on [`super::dtls`], with the laboratory's certificate. A real ECDSA signature's length varies by two bytes.
    fn size_bytes(self) -> usize {
        match self {
            Self::ClientHello => 114,
            Self::ServerHello => 719,
            Self::ClientFinished => 673,
            Self::ServerFinished => 75,
        }
    }

    fn has_certificate(self) -> bool {
        matches!(self, Self::ServerHello | Self::ClientFinished)
    }

    fn read(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

#[derive(Debug)]
struct Dtls;

impl DtlsProvider for Dtls {
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
        Ok(Box::new(Handshake {
            certificate: cert.certificate.clone(),
            now,
            active: false,
            progress: Progress::Idle,
            outputs: VecDeque::new(),
        }))
    }
}

/// One end of a handshake in which nothing is proved.
#[derive(Debug)]
struct Handshake {
    certificate: Vec<u8>,
    now: Instant,
    active: bool,
    progress: Progress,
    outputs: VecDeque<Output>,
}

#[derive(Debug)]
enum Progress {
    /// Nothing sent: a client about to begin, or a server before its client.
    Idle,
    /// A flight is out and unanswered.
    Waiting {
        flight: Flight,
        retries: u32,
        until: Instant,
    },
    Done,
    Closed,
}

#[derive(Debug)]
enum Output {
    Record(Vec<u8>),
    PeerCert(Vec<u8>),
    Keys,
    Connected,
    Closed,
}

impl Handshake {
    fn send(&mut self, flight: Flight, retries: u32) {
        let mut body = vec![flight as u8];
        if flight.has_certificate() {
            body.extend(u16::try_from(self.certificate.len()).expect("a certificate fits a datagram").to_be_bytes());
            body.extend(&self.certificate);
        }
        self.outputs.push_back(Output::Record(record(HANDSHAKE, &body, flight.size_bytes())));
        if flight != Flight::ServerFinished {
            self.progress = Progress::Waiting { flight, retries, until: self.now + FLIGHT_RTO * 2_u32.pow(retries) };
        }
    }

    fn finish(&mut self) {
        self.progress = Progress::Done;
        self.outputs.extend([Output::Keys, Output::Connected]);
    }

    fn receive_flight(&mut self, flight: Flight, body: &[u8]) {
        let sent = match self.progress {
            Progress::Idle => None,
            Progress::Waiting { flight, .. } => Some(flight),
            Progress::Done => {
                // The last flight may have been lost; whoever lacks it repeats its own.
                if flight == Flight::ClientFinished && !self.active {
                    self.send(Flight::ServerFinished, 0);
                }
                return;
            }
            Progress::Closed => return,
        };
        match (flight, sent) {
            (Flight::ClientHello, None | Some(Flight::ServerHello)) if !self.active => self.send(Flight::ServerHello, 0),
            (Flight::ServerHello, Some(Flight::ClientHello)) => {
                if let Some(certificate) = certificate(body) {
                    self.outputs.push_back(Output::PeerCert(certificate));
                    self.send(Flight::ClientFinished, 0);
                }
            }
            (Flight::ClientFinished, Some(Flight::ServerHello)) => {
                if let Some(certificate) = certificate(body) {
                    self.outputs.push_back(Output::PeerCert(certificate));
                    self.send(Flight::ServerFinished, 0);
                    self.finish();
                }
            }
            (Flight::ServerFinished, Some(Flight::ClientFinished)) => self.finish(),
            _ => {} // late or out of turn
        }
    }
}

/// A record of that size: its type, a body, and the tag that tells it from garbage.
fn record(kind: u8, body: &[u8], size_bytes: usize) -> Vec<u8> {
    let mut record = vec![kind];
    record.extend(body);
    record.resize(record.len().max(size_bytes - TAG_BYTES), 0);
    record.extend(TAG);
    record
}

/// The certificate in a flight's record, after the number of the flight.
fn certificate(body: &[u8]) -> Option<Vec<u8>> {
    let (length, rest) = body.split_first_chunk()?;
    rest.get(..usize::from(u16::from_be_bytes(*length))).map(<[u8]>::to_vec)
}

impl DtlsInstance for Handshake {
    fn set_active(&mut self, active: bool) {
        self.active = active;
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        // str0m starts its active end with an empty packet.
        if packet.is_empty() && self.active && matches!(self.progress, Progress::Idle) {
            self.send(Flight::ClientHello, 0);
        }
        match packet.strip_suffix(&TAG) {
            Some([HANDSHAKE, number, body @ ..]) => {
                if let Some(flight) = Flight::read(*number) {
                    self.receive_flight(flight, body);
                }
            }
            Some([ALERT, ..]) if !matches!(self.progress, Progress::Closed) => {
                self.progress = Progress::Closed;
                self.outputs.push_back(Output::Closed);
            }
            _ => {}
        }
        Ok(())
    }

    fn poll_output<'a>(&mut self, buf: &'a mut [u8]) -> DtlsOutput<'a> {
        fn copied<'a>(bytes: &[u8], buf: &'a mut [u8]) -> &'a [u8] {
            let buf = &mut buf[..bytes.len()]; // str0m's buffer holds a full datagram, and so at most what is copied here
            buf.copy_from_slice(bytes);
            buf
        }
        match self.outputs.pop_front() {
            Some(Output::Record(record)) => DtlsOutput::Packet(copied(&record, buf)),
            Some(Output::PeerCert(certificate)) => DtlsOutput::PeerCert(copied(&certificate, buf)),
            // Two keys of 16 bytes and two salts of 12 (RFC 7714 section 12). They encrypt nothing.
            Some(Output::Keys) => DtlsOutput::KeyingMaterial(KeyingMaterial::new(&[0; 56]), SrtpProfile::AEAD_AES_128_GCM),
            Some(Output::Connected) => DtlsOutput::Connected,
            Some(Output::Closed) => DtlsOutput::CloseNotify,
            None => DtlsOutput::Timeout(match self.progress {
                Progress::Waiting { until, .. } => until,
                Progress::Idle | Progress::Done | Progress::Closed => self.now + Duration::from_secs(86_400), // nothing to wait for
            }),
        }
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.now = now;
        match self.progress {
            Progress::Waiting { flight, retries, until } if until <= now => {
                if retries < FLIGHT_RETRIES {
                    self.send(flight, retries + 1);
                } else {
                    self.progress = Progress::Closed;
                    self.outputs.push_back(Output::Closed);
                }
            }
            Progress::Waiting { .. } | Progress::Idle | Progress::Done | Progress::Closed => {}
        }
        Ok(())
    }

    /// Carries nothing: data channels are not part of the laboratory.
    fn send_application_data(&mut self, _data: &[u8]) -> Result<usize, DtlsImplError> {
        Ok(0)
    }

    fn is_active(&self) -> bool {
        self.active
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        matches!(self.progress, Progress::Done).then_some(ProtocolVersion::DTLS1_2)
    }

    fn is_closed(&self) -> bool {
        matches!(self.progress, Progress::Closed) && self.outputs.is_empty()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        if !matches!(self.progress, Progress::Closed) {
            self.progress = Progress::Closed;
            self.outputs.push_back(Output::Record(record(ALERT, &[], ALERT_BYTES)));
        }
        Ok(())
    }
}
