// SPDX-License-Identifier: Apache-2.0
//
// The errors of object stores and HTTP. docs/errors.md is made from these rows.
#pragma once

#include "base/error.h"

namespace wire::errors {

using base::Code;
using base::Kind;

inline constexpr Code bad_key{"wire.bad_key", Kind::task,
                              "The object's name cannot be used in this store; rename the schema, table or folder."};
inline constexpr Code bad_metadata{"wire.bad_metadata", Kind::bug,
                                   "Object metadata must be short printable ASCII; please report this with the log."};
inline constexpr Code key_busy{"wire.key_busy", Kind::bug,
                               "Two writers had the same object open; please report this with the log."};
inline constexpr Code no_object{"wire.no_object", Kind::task,
                                "An object that should be there is missing: was the folder or bucket changed by "
                                "somebody else? Reload the table it belongs to."};
inline constexpr Code no_folder{"wire.no_folder", Kind::input,
                                "The folder of MillraceUrl must exist and be writable for the user of the task."};
inline constexpr Code bad_sidecar{"wire.bad_sidecar", Kind::task,
                                  "A .millrace-meta file of the target folder is damaged; remove it together with the "
                                  "object it belongs to and reload that table."};

inline constexpr Code network{
    "wire.network", Kind::transient,
    "The connection to the server failed or stalled; Millrace tries again. If it stays, check "
    "the address, the firewall and the server."};
inline constexpr Code tls{"wire.tls", Kind::task,
                          "The server's certificate is not trusted or does not match its name; give the CA's file "
                          "(MillraceCaFile) or correct the URL."};
inline constexpr Code bad_answer{"wire.bad_answer", Kind::task,
                                 "The server answered something that S3 does not; is this an S3 endpoint, and no proxy "
                                 "or web page in between?"};
inline constexpr Code bad_url{"wire.bad_url", Kind::input,
                              "Write https://host[:port]/bucket, or file:///absolute/folder."};

inline constexpr Code no_credentials{
    "wire.no_credentials", Kind::input,
    "Set MillraceCredentials, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile in "
    "~/.aws/credentials, or run where a role gives credentials."};
inline constexpr Code bad_secret_source{
    "wire.bad_secret_source", Kind::input,
    "Write file:/absolute/folder, env:PREFIX or command:/absolute/program (--secrets or MILLRACE_SECRETS)."};
inline constexpr Code no_secret{"wire.no_secret", Kind::input,
                                "Put the secret where --secrets looks for it, under the name or ARN that "
                                "SecretsManagerSecretId gives; docs/task-file.md tells the names."};
inline constexpr Code s3_access_denied{
    "wire.s3_access_denied", Kind::task,
    "The credentials lack a permission for this bucket; docs/s3.md lists the actions "
    "that are needed."};
inline constexpr Code s3_bad_credentials{
    "wire.s3_bad_credentials", Kind::task,
    "The server does not know the access key, or the secret does not belong to it."};
inline constexpr Code s3_expired_token{
    "wire.s3_expired_token", Kind::task,
    "The session token has expired and no newer one was found; renew the credentials, "
    "then resume the task."};
inline constexpr Code s3_no_bucket{"wire.s3_no_bucket", Kind::input,
                                   "The bucket does not exist; create it or correct BucketName or MillraceUrl."};
inline constexpr Code s3_wrong_region{"wire.s3_wrong_region", Kind::input,
                                      "The bucket lives in another region; set MillraceRegion or AWS_REGION to it."};
inline constexpr Code s3_clock{
    "wire.s3_clock", Kind::task,
    "This machine's clock is more than 15 minutes off; set it by NTP, then resume the task."};
inline constexpr Code s3_encryption{"wire.s3_encryption", Kind::task,
                                    "The server refused the key of ServerSideEncryptionKmsKeyId; check the key, its "
                                    "region and the role's permission to use it."};
inline constexpr Code s3_unsupported{"wire.s3_unsupported", Kind::task,
                                     "This S3 server lacks a function that the settings ask for (encryption, ACL or "
                                     "tags); leave the setting out."};
inline constexpr Code s3_upload_gone{
    "wire.s3_upload_gone", Kind::transient,
    "A multipart upload was aborted by somebody else; Millrace writes the file again."};
inline constexpr Code s3_throttled{"wire.s3_throttled", Kind::transient,
                                   "The server asks to slow down; Millrace tries again. If it stays, spread the load."};
inline constexpr Code s3_unavailable{"wire.s3_unavailable", Kind::transient,
                                     "The server has an internal fault; Millrace tries again."};
inline constexpr Code s3_damaged{
    "wire.s3_damaged", Kind::transient,
    "Bytes changed on the way; Millrace sends them again. If it stays, check the network."};
inline constexpr Code s3_refused{
    "wire.s3_refused", Kind::task,
    "The server refused a request for the named reason; correct it, then resume the task."};

}  // namespace wire::errors
