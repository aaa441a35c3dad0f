require "json"
require ARGV[0]

answers = JSON.parse(File.read(ARGV[1], encoding: "UTF-8")).map do |one|
  {
    standard: Webhook.verify_standard(one["body"], one["headers"], one["secret"], now: Time.at(one["now"])),
    hex: Webhook.verify_hex(one["body"], one["headers"]["x-webhook-signature"], one["secret"])
  }
end
puts JSON.generate(answers)
