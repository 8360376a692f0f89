//! The one certificate of all simulated peers.
//!
//! **A laboratory's key: it lies open in the repository and protects nothing.** It is fixed because a fresh one would change every DTLS signature, by its length too, and thus every
//! trace. The peers tell each other its fingerprint, as real ones do. P-256, as browsers make them; made once with OpenSSL:
//!
//! ```sh
//! openssl ecparam -name prime256v1 -genkey -noout -out key.pem
//! openssl pkcs8 -topk8 -nocrypt -in key.pem -outform DER -out key.der
//! openssl req -new -x509 -sha256 -key key.pem -days 36500 -subj '/CN=greenroom laboratory' -outform DER -out cert.der
//! ```

use str0m::config::DtlsCert;

/// The certificate and its private key.
pub(super) fn laboratory() -> DtlsCert {
    DtlsCert { certificate: include_bytes!("cert.der").to_vec(), private_key: include_bytes!("key.der").to_vec() }
}
