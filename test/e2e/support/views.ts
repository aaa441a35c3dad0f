import type { Page } from "playwright-core"

/** What the views have to show in the tests that look at each of them. */
export interface Shown {
  readonly webhookId: string
}

export interface View {
  readonly name: string
  readonly at: (shown: Shown) => string
  /** Waits until everything of it stands there. */
  readonly ready: (page: Page) => Promise<void>
}

const heading = (name: string | RegExp) => (page: Page) => page.getByRole("heading", { name, level: 1 }).waitFor()

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
    at: ({ webhookId }) => `/webhooks/${webhookId}`,
    ready: (page) => page.getByRole("img", { name: /succeeded/ }).waitFor()
  },
  { name: "editing a webhook", at: ({ webhookId }) => `/webhooks/${webhookId}/edit`, ready: heading("Edit webhook") },
  {
    name: "deleting a webhook",
    at: ({ webhookId }) => `/webhooks/${webhookId}`,
    ready: async (page) => {
      await page.getByRole("button", { name: "More", exact: true }).click()
      await page.getByRole("menuitem", { name: "Delete" }).click()
      await page.getByRole("dialog").waitFor()
    }
  },
  {
    name: "the menu of a webhook",
    at: ({ webhookId }) => `/webhooks/${webhookId}`,
    ready: async (page) => {
      await page.getByRole("button", { name: "More", exact: true }).click()
      await page.getByRole("menu").waitFor()
    }
  },
  { name: "an address where nothing is", at: () => "/nowhere", ready: heading(/./) }
]
