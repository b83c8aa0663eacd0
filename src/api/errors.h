// SPDX-License-Identifier: Apache-2.0
//
// What the API answers when it does not do what was asked: the part of a code's name behind "api." is the name that
// clients see (`__type`). First the errors of the service model, then those of every JSON 1.1 service.
#pragma once

#include "base/error.h"

namespace api::errors {

inline constexpr base::Code resource_not_found{
    "api.ResourceNotFoundFault", base::Kind::input,
    "Check the ARN or identifier in the message; the matching Describe operation lists what exists."};
inline constexpr base::Code resource_already_exists{"api.ResourceAlreadyExistsFault", base::Kind::input,
                                                    "Choose another identifier, or delete the object that has it."};
inline constexpr base::Code invalid_resource_state{
    "api.InvalidResourceStateFault", base::Kind::input,
    "Wait until the object's state allows the operation, or undo what the message names; then call again."};
inline constexpr base::Code resource_quota_exceeded{
    "api.ResourceQuotaExceededFault", base::Kind::input,
    "Delete what is no longer needed, or raise the limit the message names."};
inline constexpr base::Code too_few_zones{"api.ReplicationSubnetGroupDoesNotCoverEnoughAZs", base::Kind::input,
                                          "Name at least two subnets."};
inline constexpr base::Code invalid_certificate{"api.InvalidCertificateFault", base::Kind::input,
                                                "Give one certificate in PEM form."};
inline constexpr base::Code sns_no_authorization{
    "api.SNSNoAuthorizationFault", base::Kind::input,
    "Start the server with --webhook URL or --sns-endpoint URL: events are sent there."};
inline constexpr base::Code sns_invalid_topic{"api.SNSInvalidTopicFault", base::Kind::input,
                                              "Give a topic's ARN: arn:aws:sns:region:account:name."};

inline constexpr base::Code s3_access_denied{"api.S3AccessDeniedFault", base::Kind::input,
                                             "Give the server's user the right to write below results/ of its data "
                                             "directory, and remove files that have a bucket's name."};

inline constexpr base::Code invalid_parameter_value{"api.InvalidParameterValueException", base::Kind::input,
                                                    "Correct the named member; the API's reference describes each."};
inline constexpr base::Code invalid_parameter_combination{"api.InvalidParameterCombinationException", base::Kind::input,
                                                          "Leave out one of the named members."};
inline constexpr base::Code serialization{
    "api.SerializationException", base::Kind::input,
    "Send one JSON object, each member in the type that the API's reference gives it."};
inline constexpr base::Code unknown_operation{
    "api.UnknownOperationException", base::Kind::input,
    "Send X-Amz-Target: AmazonDMSv20160101.Operation with the name of an operation of the API."};
inline constexpr base::Code unsupported_operation{
    "api.UnsupportedOperationException", base::Kind::input,
    "This server does not offer the operation; docs/api.md says which it does."};
inline constexpr base::Code missing_authentication_token{
    "api.MissingAuthenticationTokenException", base::Kind::input,
    "Sign the request with an access key; `millrace user add` makes one."};
inline constexpr base::Code incomplete_signature{
    "api.IncompleteSignatureException", base::Kind::input,
    "Send the whole Authorization header of Signature Version 4, with every header it names."};
inline constexpr base::Code unrecognized_client{"api.UnrecognizedClientException", base::Kind::input,
                                                "Use an access key that `millrace user list` shows."};
inline constexpr base::Code expired_token{"api.ExpiredTokenException", base::Kind::input,
                                          "Make a new key with `millrace user add`."};
inline constexpr base::Code invalid_signature{
    "api.InvalidSignatureException", base::Kind::input,
    "Check the secret key and the clock of the client; both clocks must agree within 15 minutes."};
inline constexpr base::Code access_denied{
    "api.AccessDeniedException", base::Kind::input,
    "The key's role or bounds do not allow the call; use a key with those that the message names."};
inline constexpr base::Code throttling{"api.ThrottlingException", base::Kind::transient,
                                       "Call again later; the clients of the API do so by themselves."};
inline constexpr base::Code internal_failure{
    "api.InternalFailure", base::Kind::bug,
    "This is a defect of Millrace or of its machine; the server's log has the cause under the request id."};

}  // namespace api::errors
