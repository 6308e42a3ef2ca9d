//! One attempt at a request, and what it brought.

use std::error::Error;
use std::time::Duration;

use reqwest::RequestBuilder;

use super::super::answer::{AnswerError, ApiError};
use super::RestError;
use crate::redaction::Redaction;

/// What an attempt may take.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) bytes_max: u64,
    pub(super) timeout: Duration,
}

/// What is asked, as it may be told.
pub(super) struct Asked {
    /// Method and path.
    pub(super) request: String,
    pub(super) redaction: Redaction,
    pub(super) limits: Limits,
}

/// Why an attempt brought no answer.
pub(super) enum Failed {
    Network(String),
    TooLong,
}

/// An answer, whatever its status.
pub(super) struct Answered {
    pub(super) asked: Asked,
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

impl Asked {
    /// Sends once and takes the whole body, unpacked.
    pub(super) async fn once(&self, builder: RequestBuilder) -> Result<(u16, Vec<u8>), Failed> {
        let network = |error: reqwest::Error| Failed::Network(self.redaction.plain(&chain(&error.without_url())));
        let mut response = builder.timeout(self.limits.timeout).send().await.map_err(network)?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(network)? {
            if (body.len() + chunk.len()) as u64 > self.limits.bytes_max {
                return Err(Failed::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok((status, body))
    }

    pub(super) fn failed(self, failed: Failed, attempts: u32) -> RestError {
        let (request, bytes_max) = (self.request, self.limits.bytes_max);
        match failed {
            Failed::Network(why) => RestError::Network { request, attempts, why },
            Failed::TooLong => RestError::TooLong { request, bytes_max },
        }
    }
}

impl Answered {
    /// What a reader makes of it.
    pub(super) fn read<T>(self, reader: impl FnOnce(u16, &[u8]) -> Result<T, AnswerError>) -> Result<T, RestError> {
        reader(self.status, &self.body).map_err(|answer| {
            let answer = match answer {
                AnswerError::Api(ApiError { status, error_type, message }) => {
                    let message = self.asked.redaction.plain(&message);
                    AnswerError::Api(ApiError { status, error_type, message })
                }
                AnswerError::Malformed(detail) => AnswerError::Malformed(self.asked.redaction.plain(&detail)),
            };
            RestError::Answer { request: self.asked.request, answer }
        })
    }
}

/// An error of the library and what it comes from, in one line.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        words.push_str(&format!(": {error}"));
        source = error.source();
    }
    words
}
