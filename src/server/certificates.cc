// SPDX-License-Identifier: Apache-2.0
#include "server/certificates.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <array>
#include <memory>

#include "api/errors.h"
#include "base/civil.h"
#include "base/disk.h"
#include "server/endpoints.h"
#include "server/errors.h"
#include "server/resources.h"

namespace server {
namespace {

using base::Result;

constexpr api::NameRule certificate_name_rule{"CertificateIdentifier", 255};
constexpr api::PageRule page_rule{.least = 20, .most = 100, .usual = 20};
constexpr std::array<FilterName, 2> certificate_filters{FilterName{"certificate-arn", "$arn"},
                                                        FilterName{"certificate-id", "$id"}};
constexpr std::size_t certificate_bytes_max = 1u << 20;
constexpr long valid_seconds = 10L * 365 * 86400;

template <auto free>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    free(object);
  }
};
using Bio = std::unique_ptr<BIO, Freed<BIO_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;

Certificate parse(std::string_view pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), int(pem.size())));
  return Certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, std::size_t(size)) : std::string();
}

double seconds_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return 0;
  const auto days = base::civil_days(parts.tm_year + 1900, unsigned(parts.tm_mon + 1), unsigned(parts.tm_mday));
  return static_cast<double>(days * 86400 + parts.tm_hour * 3600 + parts.tm_min * 60 + parts.tm_sec);
}

json facts_of(X509* certificate) {
  const Bio owner(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(owner.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  json out{{"CertificateOwner", text_of(owner.get())},
           {"ValidFromDate", seconds_of(X509_get0_notBefore(certificate))},
           {"ValidToDate", seconds_of(X509_get0_notAfter(certificate))},
           {"SigningAlgorithm", OBJ_nid2ln(X509_get_signature_nid(certificate))}};
  if (EVP_PKEY* key = X509_get0_pubkey(certificate)) out["KeyLength"] = EVP_PKEY_get_bits(key);
  return out;
}

Result<json> import_certificate(Ground& ground, const Request& request) {
  const std::string id = TRY(free_name(ground, certificate_kind, request, certificate_name_rule));
  const auto tags = TRY(tags_of(request.input.value("Tags", json::array())));
  if (request.has("CertificateWallet")) {
    return base::failed(api::errors::invalid_parameter_value,
                        "CertificateWallet is not offered: no engine of this server uses wallets");
  }
  if (request.has("KmsKeyId")) return base::failed(api::errors::invalid_parameter_value, "KmsKeyId is not offered");
  const std::string pem = request.text("CertificatePem");
  const Certificate certificate = pem.size() <= certificate_bytes_max ? parse(pem) : nullptr;
  if (certificate == nullptr) {
    return base::failed(api::errors::invalid_certificate, "CertificatePem holds no certificate in PEM form");
  }
  Resource row = TRY(new_resource(ground, request, certificate_kind, id));
  row.state = "active";
  row.shown = facts_of(certificate.get());
  row.shown["CertificateIdentifier"] = id;
  row.shown["CertificateArn"] = row.arn;
  row.shown["CertificatePem"] = pem;
  row.shown["CertificateCreationDate"] = ground.now_seconds();
  TRY(ground.store.commit({.removed = {}, .put = {row}, .tags = {{row.arn, tags}}, .events = {}}));
  return json{{"Certificate", row.shown}};
}

Result<json> describe_certificates(Ground& ground, const Request& request) {
  return describe(ground, request, {certificate_kind, "Certificates", certificate_filters, page_rule},
                  [](const Resource& row) -> Result<json> { return row.shown; });
}

Result<json> delete_certificate(Ground& ground, const Request& request) {
  const Resource row = TRY(need(ground, certificate_kind, request.text("CertificateArn"), "CertificateArn"));
  for (const Resource& endpoint : TRY(ground.store.referring(endpoint_kind, row.arn))) {
    return base::failed(api::errors::invalid_resource_state, "the certificate is used by the endpoint {}", endpoint.id);
  }
  TRY(ground.store.commit({.removed = {{certificate_kind, row.id}}, .put = {}, .tags = {}, .events = {}}));
  return json{{"Certificate", row.shown}};
}

void add_extension(X509* certificate, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>> extension(
      X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  if (extension != nullptr) X509_add_ext(certificate, extension.get(), -1);
}

// A certificate that vouches for itself: clients trust the file, or its fingerprint.
Certificate self_made(EVP_PKEY* key, const std::string& host) {
  Certificate out(X509_new());
  X509_set_version(out.get(), X509_VERSION_3);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(out.get()), std::stoull(random_hex(7), nullptr, 16));
  X509_gmtime_adj(X509_getm_notBefore(out.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(out.get()), valid_seconds);
  X509_set_pubkey(out.get(), key);
  X509_NAME* name = X509_get_subject_name(out.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("millrace"), -1, -1, 0);
  X509_set_issuer_name(out.get(), name);
  const bool address =
      host.find_first_not_of("0123456789.") == std::string::npos || host.find(':') != std::string::npos;
  std::string names = "DNS:localhost,IP:127.0.0.1,IP:::1";
  if (!host.empty() && host != "localhost" && host != "127.0.0.1") names += (address ? ",IP:" : ",DNS:") + host;
  add_extension(out.get(), NID_subject_alt_name, names);
  add_extension(out.get(), NID_basic_constraints, "critical,CA:TRUE");
  add_extension(out.get(), NID_key_usage, "critical,digitalSignature,keyCertSign");
  add_extension(out.get(), NID_subject_key_identifier, "hash");
  if (X509_sign(out.get(), key, EVP_sha256()) == 0) return nullptr;
  return out;
}

}  // namespace

Result<std::string> certificate_file(Ground& ground, const std::string& arn) {
  const Resource row = TRY(need(ground, certificate_kind, arn, "CertificateArn"));
  base::PosixDisk disk;
  TRY(disk.make_folders(ground.data_dir + "/certificates"));
  const std::string path = fmt::format("{}/certificates/{}.pem", ground.data_dir, row.id);
  TRY(write_file(path, row.shown.value("CertificatePem", "")));
  return path;
}

Result<TlsFiles> own_certificate(const std::string& data_dir, const std::string& host) {
  base::PosixDisk disk;
  const TlsFiles files{data_dir + "/tls/certificate.pem", data_dir + "/tls/key.pem"};
  if (TRY(disk.exists(files.certificate))) return files;
  TRY(disk.make_folders(data_dir + "/tls"));
  const Key key(EVP_EC_gen("P-256"));
  const Certificate certificate = key == nullptr ? nullptr : self_made(key.get(), host);
  const Bio key_text(BIO_new(BIO_s_mem())), certificate_text(BIO_new(BIO_s_mem()));
  if (certificate == nullptr || PEM_write_bio_X509(certificate_text.get(), certificate.get()) != 1 ||
      PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return base::failed(errors::bad_certificate, "a certificate could not be made");
  }
  // The key first: a certificate that is there has its key.
  TRY(write_file(files.key, text_of(key_text.get())));
  TRY(write_file(files.certificate, text_of(certificate_text.get())));
  return files;
}

Result<std::string> fingerprint(const std::string& certificate_path) {
  const Bio bio(BIO_new_file(certificate_path.c_str(), "r"));
  const Certificate certificate(bio == nullptr ? nullptr : PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  unsigned char sum[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (certificate == nullptr || X509_digest(certificate.get(), EVP_sha256(), sum, &size) != 1) {
    return base::failed(errors::bad_certificate, "{} holds no certificate in PEM form", certificate_path);
  }
  std::string out;
  for (unsigned int i = 0; i < size; ++i) out += fmt::format("{}{:02X}", i == 0 ? "" : ":", sum[i]);
  return out;
}

std::span<const OperationRow> certificate_operations() {
  static constexpr std::array rows{
      OperationRow{"DeleteCertificate", delete_certificate, Effect::changes},
      OperationRow{"DescribeCertificates", describe_certificates, Effect::reads},
      OperationRow{"ImportCertificate", import_certificate, Effect::changes,
                   "PEM only; wallets and `KmsKeyId` are refused."},
  };
  return rows;
}

}  // namespace server
