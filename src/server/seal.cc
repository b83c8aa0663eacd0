// SPDX-License-Identifier: Apache-2.0
#include "server/seal.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <cstdlib>
#include <filesystem>
#include <memory>

#include "base/disk.h"
#include "server/errors.h"
#include "wire/secret_source.h"
#include "wire/sigv4.h"

namespace server {
namespace {

constexpr std::size_t key_bytes = 32, nonce_bytes = 12, tag_bytes = 16;
constexpr char format_mark = '\1';

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

std::string random_bytes(std::size_t count) {
  std::string out(count, '\0');
  ENSURE(RAND_bytes(bytes_of(out), int(count)) == 1);
  return out;
}

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

}  // namespace

std::string random_hex(std::size_t bytes) {
  std::string out;
  for (const char c : random_bytes(bytes)) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

base::Result<std::string> made_once(const std::string& path) {
  base::PosixDisk disk;
  if (!TRY(disk.exists(path))) {
    // Written under another name first: a crash leaves no half key. Of two who make it at once one gives it its name.
    const std::string fresh = path + "." + random_hex(8);
    auto file = TRY(disk.open(fresh, base::OpenMode::create_new));
    TRY(file->append(random_hex(key_bytes) + "\n"));
    TRY(file->sync());
    std::error_code taken;
    std::filesystem::create_hard_link(fresh, path, taken);
    TRY(disk.remove(fresh));
    TRY(disk.sync_folder(path.substr(0, path.rfind('/'))));
  }
  auto file = TRY(disk.open(path, base::OpenMode::read));
  std::string text;
  TRY(file->read_at(0, 2 * key_bytes, text));
  return text;
}

base::Result<Seal> Seal::of_digits(std::string_view digits) {
  std::string key;
  for (std::size_t i = 0; i + 1 < digits.size() && i < 2 * key_bytes; i += 2) {
    const int high = digit_of(digits[i]), low = digit_of(digits[i + 1]);
    if (high < 0 || low < 0) break;
    key += static_cast<char>(high * 16 + low);
  }
  if (key.size() == key_bytes && digits.size() == 2 * key_bytes) return Seal(std::move(key));
  return base::failed(errors::bad_key, "the key is not 64 hexadecimal digits");
}

base::Result<Seal> Seal::of_data_dir(const std::string& data_dir) {
  if (const char* given = std::getenv("MILLRACE_KEY")) return of_digits(given);
  return of_digits(TRY(made_once(data_dir + "/key")));
}

base::Result<Seal> Seal::of_source(const std::string& source) {
  std::string text = TRY(TRY(wire::SecretSource::parse(source)).read(key_name, wire::process_environment));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return of_digits(text);
}

std::string Seal::mark() const { return wire::sha256_hex("millrace key " + key_); }

std::string Seal::close(std::string_view secret, std::string_view belongs_to) const {
  const std::string nonce = random_bytes(nonce_bytes);
  std::string text(secret.size(), '\0'), tag(tag_bytes, '\0');
  Context context(EVP_CIPHER_CTX_new());
  int size = 0;
  ENSURE(EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, bytes_of(std::string_view(key_)),
                            bytes_of(std::string_view(nonce))) == 1);
  ENSURE(EVP_EncryptUpdate(context.get(), nullptr, &size, bytes_of(belongs_to), int(belongs_to.size())) == 1);
  ENSURE(EVP_EncryptUpdate(context.get(), bytes_of(text), &size, bytes_of(secret), int(secret.size())) == 1);
  ENSURE(EVP_EncryptFinal_ex(context.get(), bytes_of(tag), &size) == 1);
  ENSURE(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, int(tag_bytes), tag.data()) == 1);
  return format_mark + nonce + tag + text;
}

base::Result<std::string> Seal::open(std::string_view sealed, std::string_view belongs_to) const {
  const auto damaged = [&] { return base::failed(errors::sealed_damaged, "the secret of {}", belongs_to); };
  if (sealed.size() < 1 + nonce_bytes + tag_bytes || sealed.front() != format_mark) return damaged();
  const std::string_view nonce = sealed.substr(1, nonce_bytes);
  std::string tag(sealed.substr(1 + nonce_bytes, tag_bytes));
  const std::string_view cipher = sealed.substr(1 + nonce_bytes + tag_bytes);
  std::string text(cipher.size(), '\0'), rest(tag_bytes, '\0');
  Context context(EVP_CIPHER_CTX_new());
  int size = 0;
  ENSURE(EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, bytes_of(std::string_view(key_)),
                            bytes_of(nonce)) == 1);
  ENSURE(EVP_DecryptUpdate(context.get(), nullptr, &size, bytes_of(belongs_to), int(belongs_to.size())) == 1);
  ENSURE(EVP_DecryptUpdate(context.get(), bytes_of(text), &size, bytes_of(cipher), int(cipher.size())) == 1);
  ENSURE(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, int(tag_bytes), tag.data()) == 1);
  if (EVP_DecryptFinal_ex(context.get(), bytes_of(rest), &size) != 1) return damaged();
  return text;
}

}  // namespace server
