// SPDX-License-Identifier: Apache-2.0
//
// Certificates: those that clients import, for the connections of endpoints, and the server's own, made at the first
// start. How it fails: InvalidCertificateFault for what cannot be read, server.bad_certificate for our own.
#pragma once

#include "server/ground.h"

namespace server {

inline constexpr const char* certificate_kind = "cert";

// The path of a file that holds the certificate, for a task.
base::Result<std::string> certificate_file(Ground& ground, const std::string& arn);

struct TlsFiles {
  std::string certificate;  // paths, PEM
  std::string key;
};
// Makes tls/certificate.pem and tls/key.pem in the data directory unless they are there: for `host`, localhost and
// 127.0.0.1, good for ten years.
base::Result<TlsFiles> own_certificate(const std::string& data_dir, const std::string& host);
// "AB:CD:..." of SHA-256.
base::Result<std::string> fingerprint(const std::string& certificate_path);

std::span<const OperationRow> certificate_operations();

}  // namespace server
