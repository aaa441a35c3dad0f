require "openssl"

module Webhook
  # How old a request may be, in seconds. A retry is signed anew, so that this need not cover the retries.
  TOLERANCE = 300

  # Standard Webhooks: webhook-signature covers the id, the time of the attempt and the body. Prefer this one.
  #
  # `body` is the raw bytes; `headers[name]` finds names in lower case, as Rails' `request.headers` does.
  def self.verify_standard(body, headers, secret, now: Time.now)
    id, timestamp, signatures = %w[webhook-id webhook-timestamp webhook-signature].map { |name| headers[name].to_s.b }
    return false if id.empty? || !timestamp.match?(/\A[0-9]{1,15}\z/)
    return false if (now.to_i - timestamp.to_i).abs > TOLERANCE

    key = key_of(secret)
    # With an empty key anybody could sign.
    return false if key.empty?

    wanted = "v1," + [OpenSSL::HMAC.digest("SHA256", key, "#{id}.#{timestamp}.".b + body.b)].pack("m0")
    # While a secret is being rotated there are two, one space between: one that fits is enough.
    signatures.split(" ").any? { |signature| OpenSSL.secure_compare(signature, wanted) }
  end

  # x-webhook-signature covers the body alone. The key is the secret as it is written, whsec_ included.
  def self.verify_hex(body, signature, secret)
    !secret.empty? && OpenSSL.secure_compare(signature.to_s.b, OpenSSL::HMAC.hexdigest("SHA256", secret, body))
  end

  # What whsec_ encodes, or the bytes of any other secret; empty if that is no base64.
  def self.key_of(secret)
    secret.start_with?("whsec_") ? secret.delete_prefix("whsec_").unpack1("m0") : secret.b
  rescue ArgumentError
    ""
  end
  private_class_method :key_of
end
