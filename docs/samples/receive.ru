# An endpoint that verifies what arrives, answers at once and works afterwards.
#
#   gem install rack puma
#   WEBHOOK_SECRET=whsec_… puma --bind tcp://127.0.0.1:4000 receive.ru
require "json"
require_relative "verify"

secret = ENV.fetch("WEBHOOK_SECRET")
# An event has at most 512 KiB, and its envelope a little more.
limit = 1024 * 1024

# In a real service: a unique key in the database, and a job queue that outlives the process.
seen = {}
lock = Mutex.new
jobs = SizedQueue.new(1000)

Thread.new do
  while (event = jobs.pop)
    puts "#{event["event"]} #{event["id"]} #{JSON.generate(event["data"])}"
    $stdout.flush
  end
end

webhooks = lambda do |env|
  # The bytes as they came: JSON that was parsed and written again is not what was signed.
  body = env["rack.input"]&.read(limit + 1) || ""
  next [413, {}, []] if body.bytesize > limit

  headers = ->(name) { env["HTTP_#{name.upcase.tr("-", "_")}"] }
  next [401, {}, []] unless Webhook.verify_standard(body, headers, secret)

  event = JSON.parse(body)
  lock.synchronize do
    jobs.push(event, true) unless seen.key?(event["id"])
    seen[event["id"]] = true
  end
  # 200, not 201 or 204. A repeat gets it too, or it would come again.
  [200, {}, []]
rescue ThreadError
  # The queue is full. Anything but 200 has the event sent again later.
  [503, {}, []]
end

map("/webhooks/craftdesk") { run webhooks }
