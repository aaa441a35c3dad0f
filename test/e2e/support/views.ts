import type { Page } from "playwright-core"

/** What the views have to show in the tests that look at each of them. */
export interface Shown {
  readonly webhookId: string
  /** One that was deleted. */
  readonly deletedId: string
  /** One of the webhook's that failed. */
  readonly deliveryId: string
  readonly eventId: string
}

export interface View {
  readonly name: string
  readonly at: (shown: Shown) => string
  /** Waits until everything of it stands there. */
  readonly ready: (page: Page) => Promise<void>
}

const heading = (name: string | RegExp) => (page: Page) => page.getByRole("heading", { name, level: 1 }).waitFor()

const fromMenu = (item: string) => async (page: Page) => {
  await page.getByRole("button", { name: "More", exact: true }).click()
  await page.getByRole("menuitem", { name: item }).click()
  await page.getByRole("dialog").waitFor()
}

const webhook = ({ webhookId }: Shown): string => `/webhooks/${webhookId}`

/** Every view, and what lies over one. */
export const views: ReadonlyArray<View> = [
  {
    name: "the list of webhooks",
    at: () => "/webhooks",
    ready: (page) => page.getByRole("row").nth(1).getByRole("link").waitFor()
  },
  {
    name: "adding a webhook",
    at: () => "/webhooks/new",
    ready: (page) => page.getByRole("checkbox", { name: "project.created" }).waitFor()
  },
  {
    name: "a webhook",
    at: webhook,
    ready: async (page) => {
      await page.getByRole("img", { name: /succeeded/ }).waitFor()
      await page.getByRole("table", { name: "Deliveries" }).getByRole("link").first().waitFor()
    }
  },
  {
    name: "a delivery",
    at: ({ deliveryId, webhookId }) => `/webhooks/${webhookId}?delivery=${deliveryId}`,
    ready: (page) => page.getByRole("dialog").getByText("answered 500").first().waitFor()
  },
  {
    name: "a test event",
    at: webhook,
    ready: async (page) => {
      await page.getByRole("button", { name: "Send test event" }).click()
      await page.getByRole("dialog").getByRole("button", { name: "Send", exact: true }).click()
      await page.getByRole("region", { name: "Result" }).waitFor()
    }
  },
  {
    name: "recovering",
    at: webhook,
    ready: async (page) => {
      await fromMenu("Recover")(page)
      await page.getByText(/sen[dt] again\.$/).first().waitFor()
    }
  },
  {
    name: "a deleted webhook",
    at: ({ deletedId }) => `/webhooks/${deletedId}`,
    ready: async (page) => {
      await page.getByText("This webhook was deleted.").waitFor()
      await page.getByRole("table", { name: "Deliveries" }).getByRole("link").first().waitFor()
    }
  },
  { name: "rotating a secret", at: webhook, ready: fromMenu("Rotate") },
  { name: "deleting a webhook", at: webhook, ready: fromMenu("Delete") },
  {
    name: "the menu of a webhook",
    at: webhook,
    ready: async (page) => {
      await page.getByRole("button", { name: "More", exact: true }).click()
      await page.getByRole("menu").waitFor()
    }
  },
  {
    name: "editing a webhook",
    at: (shown) => `${webhook(shown)}/edit`,
    ready: (page) => page.getByRole("button", { name: "Save" }).waitFor()
  },
  {
    name: "the events",
    at: () => "/events",
    ready: (page) => page.getByRole("table", { name: "Events" }).getByRole("link").first().waitFor()
  },
  {
    name: "an event",
    at: ({ eventId }) => `/events/${eventId}`,
    ready: (page) => page.getByText(/were owed it/).waitFor()
  },
  {
    name: "the quarantine",
    at: () => "/quarantine",
    ready: (page) => page.getByRole("link", { name: "Not JSON" }).first().waitFor()
  },
  {
    name: "an entry of the quarantine",
    at: () => "/quarantine",
    ready: async (page) => {
      await page.getByRole("link", { name: "Not JSON" }).first().click()
      await page.getByRole("dialog").getByText("Subject").first().waitFor()
    }
  },
  {
    name: "the event types",
    at: () => "/event-types",
    ready: (page) => page.getByText("project.created", { exact: true }).first().click()
  },
  {
    name: "the API keys",
    at: () => "/api-keys",
    ready: (page) => page.getByRole("button", { name: /^Revoke/ }).first().waitFor()
  },
  {
    name: "verifying signatures",
    at: () => "/verify",
    ready: (page) => page.getByRole("region", { name: "In your endpoint" }).waitFor()
  },
  { name: "an address where nothing is", at: () => "/nowhere", ready: heading("Not found") }
]
