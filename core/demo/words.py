"""What the demo company says: Brindlewick, a small software company whose product Benchtide plans repair workshops.

Company, product and rivals are invented, and no person is named. Every text is a `%` template over the same values
(`topic`, `audience`, `platform`, …). None holds a quote, a backslash or a control character, so that a filled
template can stand inside a JSON string and a COPY field as it is.
"""

from typing import Any, NamedTuple

COMPANY = "Brindlewick"
PRODUCT = "Benchtide"
RIVALS = ("Ostrelle", "Karvinde", "Plankforge", "Mendalo")

CONTENT, FINANCIAL, MARKET, COMPLIANCE = "content_agent", "financial_agent", "market_insight_agent", "compliance_agent"


class Intent(NamedTuple):
    """One kind of work that the agent is asked for."""

    name: str
    agent: str
    #: How often it is asked for, and how well it is usually done.
    share: float
    usual_quality: float
    median_ms: int


INTENTS = (
    Intent("content_generation", CONTENT, 0.20, 0.72, 9_000),
    Intent("social_post", CONTENT, 0.21, 0.70, 4_500),
    Intent("email_campaign", CONTENT, 0.11, 0.67, 6_500),
    Intent("financial_report", FINANCIAL, 0.13, 0.66, 5_200),
    Intent("budget_review", FINANCIAL, 0.09, 0.65, 4_800),
    Intent("market_research", MARKET, 0.11, 0.64, 14_000),
    Intent("competitor_watch", MARKET, 0.07, 0.62, 11_000),
    Intent("compliance_check", COMPLIANCE, 0.08, 0.74, 3_800),
)


class Topic(NamedTuple):
    """What the work is about. Its appeal moves the scores of examples and the readers of posts alike."""

    name: str
    appeal: float
    is_legal: bool = False


TOPICS = (
    Topic("job scheduling for small workshops", 0.06),
    Topic("spare part stock levels", 0.02),
    Topic("repair quotes that customers accept", 0.07),
    Topic("waiting times at the counter", 0.03),
    Topic("the spring rush in bicycle workshops", 0.08),
    Topic("offline mode on the workshop floor", 0.01),
    Topic("barcode labels for tools", -0.02),
    Topic("training new mechanics", 0.04),
    Topic("warranty repairs", 0.00),
    Topic("seasonal staffing", 0.01),
    Topic("invoices from the phone", 0.02),
    Topic("photo reports before and after a repair", 0.06),
    Topic("moving from paper job cards", 0.08),
    Topic("the new parts ordering screen", -0.01),
    Topic("integration with accounting software", -0.04),
    Topic("customer reminders by text message", 0.05),
    Topic("pricing by repair type", 0.00),
    Topic("workshops with two locations", -0.03),
    Topic("the mobile app for mechanics", 0.03),
    Topic("supplier delivery delays", -0.02),
    Topic("returning customers", 0.04),
    Topic("opening hours and holidays", -0.05),
    Topic("the yearly plan discount", -0.03),
    Topic("a referral offer for existing customers", 0.02),
    Topic("sustainable repair instead of replacement", 0.07),
    Topic("tool maintenance routines", 0.00),
    Topic("first week with a new customer", 0.03),
    Topic("support answers in under an hour", 0.04),
    Topic("customers who cancel in month three", -0.04),
    Topic("electric cargo bike service", 0.05),
    Topic("data protection for customer records", -0.03, is_legal=True),
    Topic("terms of service for the free plan", -0.06, is_legal=True),
    Topic("liability for repair estimates", -0.04, is_legal=True),
    Topic("consent for text message reminders", -0.03, is_legal=True),
    Topic("advertising claims about time saved", -0.02, is_legal=True),
    Topic("how long invoices must be kept", -0.05, is_legal=True),
)

AUDIENCES = (
    "owners of small repair shops",
    "workshop managers",
    "mechanics in their first year",
    "bicycle dealers with a service desk",
    "office managers",
    "customers on the free plan",
    "customers who joined this quarter",
    "our investors",
    "the sales team",
    "trade school teachers",
    "shops with more than ten staff",
    "people who cancelled last year",
)
PLATFORMS = ("blog", "newsletter", "Chirplane", "Worklink", "Clipreel", "forum")
SOCIAL_PLATFORMS = PLATFORMS[2:5]
TONES = ("friendly", "plain", "professional", "playful", "technical")
AUDIENCE_CLAUSES = (", meant for %(audience)s", ", aimed at %(audience)s", ", written for %(audience)s")

#: What comes out of each kind of work; a social post may also be a thread.
FORMATS = {
    "content_generation": "article",
    "social_post": "post",
    "email_campaign": "email",
    "financial_report": "report",
    "budget_review": "memo",
    "market_research": "report",
    "competitor_watch": "memo",
    "compliance_check": "review",
}

#: Each of them starts with the thread, post or report that is asked for; the first of social_post is the thread.
OPENERS: dict[str, tuple[str, ...]] = {
    "content_generation": (
        "Write a blog post about %(topic)s",
        "Draft an article that explains %(topic)s",
        "Turn our notes on %(topic)s into a guide",
        "Prepare a case story about %(topic)s",
    ),
    "social_post": (
        "Write a thread about %(topic)s for %(platform)s",
        "Draft a short post on %(topic)s for %(platform)s",
        "Announce what is new in %(topic)s on %(platform)s",
        "Ask our followers on %(platform)s about %(topic)s",
    ),
    "email_campaign": (
        "Write an email about %(topic)s",
        "Plan a series of three emails on %(topic)s",
        "Rewrite the newsletter piece on %(topic)s",
    ),
    "financial_report": (
        "Summarise last month’s figures with a view to %(topic)s",
        "Explain how %(topic)s moved revenue and costs last month",
        "Prepare the monthly report and comment on %(topic)s",
    ),
    "budget_review": (
        "Check whether we can spend $%(budget)s on %(topic)s",
        "Review the budget for %(topic)s against our cash",
        "Compare a campaign of $%(budget)s on %(topic)s with hiring",
    ),
    "market_research": (
        "Find out what the market thinks about %(topic)s",
        "Research demand around %(topic)s",
        "Collect what our readers respond to in %(topic)s",
    ),
    "competitor_watch": (
        "Compare our offer on %(topic)s with %(rival)s",
        "What did %(rival)s publish about %(topic)s lately",
        "List where %(rival)s is ahead of us in %(topic)s",
    ),
    "compliance_check": (
        "Check the draft on %(topic)s for claims that we cannot prove",
        "Review our wording on %(topic)s before it goes out",
        "Is the campaign on %(topic)s in line with our policy",
    ),
}

DETAILS = (
    "Keep it under %(words)s words.",
    "Use a %(tone)s tone.",
    "Mention the free trial of Benchtide at the end.",
    "Start from the question that support hears most often.",
    "Give one example from a workshop with three people.",
    "Do not compare prices.",
    "We want it out by the end of the week.",
    "Use our own figures where we have them and say which month they are from.",
    "The last piece on this was too long, and most readers left before the second heading.",
    "There is a budget of $%(budget)s for it.",
    "Say clearly what the reader should do next.",
    "List what is still unclear, so that we can decide on Monday which question to look into first.",
    "Explain it the way that we would explain it at the counter, step by step and without abbreviations.",
    "Sales would like to use it in calls too, so please put the three strongest arguments in the first paragraph.",
)
BUDGET_DETAIL = DETAILS.index("There is a budget of $%(budget)s for it.")

#: Steps of a plan: agent, action, payload, why.
Step = tuple[str, str, dict[str, Any], str]

PLANS: dict[str, tuple[tuple[Step, ...], ...]] = {
    "content_generation": (
        (
            (MARKET, "what_performed", {"by": "topic", "months": 12}, "see what earlier pieces on %(topic)s achieved"),
            (CONTENT, "outline", {"topic": "%(topic)s", "format": "article"}, "agree on the structure first"),
            (
                CONTENT,
                "draft",
                {"topic": "%(topic)s", "format": "article", "audience": "%(reader)s"},
                "the piece that was asked for",
            ),
        ),
        (
            (
                CONTENT,
                "draft",
                {"topic": "%(topic)s", "format": "article", "audience": "%(reader)s"},
                "the topic is known, no research needed",
            ),
        ),
    ),
    "social_post": (
        (
            (MARKET, "what_performed", {"by": "platform", "months": 12}, "see where our readers are"),
            (
                CONTENT,
                "social_variants",
                {"topic": "%(topic)s", "platforms": ["%(platform)s"], "format": "%(format)s"},
                "one thought for each post",
            ),
        ),
        (
            (
                CONTENT,
                "social_variants",
                {"topic": "%(topic)s", "platforms": ["%(platform)s"], "format": "%(format)s"},
                "one thought for each post",
            ),
        ),
    ),
    "email_campaign": (
        (
            (MARKET, "what_performed", {"by": "topic", "months": 12}, "see what earlier pieces on %(topic)s achieved"),
            (
                CONTENT,
                "draft",
                {"topic": "%(topic)s", "format": "email", "audience": "%(reader)s"},
                "subject, text and one link",
            ),
        ),
        (
            (
                CONTENT,
                "draft",
                {"topic": "%(topic)s", "format": "email", "audience": "%(reader)s"},
                "write the text first",
            ),
        ),
    ),
    "financial_report": (
        (
            (FINANCIAL, "trend", {"metric": "revenue", "months": 6}, "one figure alone says little"),
            (FINANCIAL, "trend", {"metric": "costs", "months": 6}, "one figure alone says little"),
            (
                CONTENT,
                "draft",
                {"topic": "%(topic)s", "format": "report", "audience": "%(reader)s"},
                "one page that can be read in two minutes",
            ),
        ),
        (
            (FINANCIAL, "trend", {"metric": "revenue", "months": 6}, "one figure alone says little"),
            (FINANCIAL, "acquisition_cost", {"months": 3}, "whether customers are worth what they cost"),
            (
                CONTENT,
                "draft",
                {"topic": "%(topic)s", "format": "report", "audience": "%(reader)s"},
                "what the figures come to",
            ),
        ),
    ),
    "budget_review": (
        (
            (FINANCIAL, "trend", {"metric": "cash", "months": 6}, "one figure alone says little"),
            (FINANCIAL, "acquisition_cost", {"months": 3}, "whether customers are worth what they cost"),
            (
                CONTENT,
                "draft",
                {"topic": "%(topic)s", "format": "memo", "audience": "%(reader)s"},
                "whether the money is there",
            ),
        ),
        (
            (FINANCIAL, "trend", {"metric": "cash", "months": 6}, "one figure alone says little"),
            (CONTENT, "draft", {"topic": "%(topic)s", "format": "memo", "audience": "%(reader)s"}, "cash decides"),
        ),
    ),
    "market_research": (
        (
            (MARKET, "what_performed", {"by": "topic", "months": 12}, "see what earlier pieces on %(topic)s achieved"),
            (MARKET, "what_performed", {"by": "platform", "months": 12}, "see where our readers are"),
            (
                CONTENT,
                "draft",
                {"topic": "%(topic)s", "format": "report", "audience": "%(reader)s"},
                "what was found, in one text",
            ),
        ),
        (
            (MARKET, "what_performed", {"by": "topic", "months": 12}, "see what earlier pieces on %(topic)s achieved"),
            (
                CONTENT,
                "draft",
                {"topic": "%(topic)s", "format": "report", "audience": "%(reader)s"},
                "what was found, in one text",
            ),
        ),
    ),
    "competitor_watch": (
        (
            (MARKET, "what_performed", {"by": "topic", "months": 12}, "see what earlier pieces on %(topic)s achieved"),
            (
                CONTENT,
                "draft",
                {"topic": "%(topic)s", "format": "memo", "audience": "%(reader)s"},
                "our own side of it",
            ),
        ),
        (
            (MARKET, "what_performed", {"by": "platform", "months": 12}, "see where our readers are"),
            (
                CONTENT,
                "draft",
                {"topic": "%(topic)s", "format": "memo", "audience": "%(reader)s"},
                "our own side of it",
            ),
        ),
    ),
    "compliance_check": (
        (
            (COMPLIANCE, "claims", {"topic": "%(topic)s"}, "read before anybody relies on it"),
            (COMPLIANCE, "banned_words", {"topic": "%(topic)s"}, "read before anybody relies on it"),
            (
                CONTENT,
                "draft",
                {"topic": "%(topic)s", "format": "review", "audience": "%(reader)s"},
                "what has to change",
            ),
        ),
        (
            (COMPLIANCE, "claims", {"topic": "%(topic)s"}, "read before anybody relies on it"),
            (COMPLIANCE, "personal_data", {"topic": "%(topic)s"}, "read before anybody relies on it"),
            (
                CONTENT,
                "draft",
                {"topic": "%(topic)s", "format": "review", "audience": "%(reader)s"},
                "what has to change",
            ),
        ),
    ),
}
#: The last step of plans that are reviewed.
REVIEW: Step = (COMPLIANCE, "disclosures", {"topic": "%(topic)s"}, "nothing about %(topic)s goes out unchecked")

RESULTS: dict[str, tuple[str, ...]] = {
    "content_generation": (
        (
            "Title: What we learned about %(topic)s\n\nMost workshops notice %(topic)s only when a customer is "
            "already waiting. We asked %(reader)s how they deal with it. Three things came up again and again: "
            "write it down once, look at it every morning, and let the whole team see it.\n\nIn Benchtide this "
            "takes two taps. Try it with one repair this week and compare."
        ),
        (
            "Draft, %(words)s words, %(tone)s tone. It opens with a scene at the counter, explains %(topic)s in "
            "four steps and closes with a checklist for %(reader)s. Two figures are ours (%(month)s); none is from "
            "elsewhere. Open question: may we show the screen of the new version?"
        ),
        (
            "The guide on %(topic)s is ready for %(platform)s. Headings: why it matters, what goes wrong, how "
            "others do it, first steps. The earlier article on it is linked at the end. %(posts)s"
        ),
    ),
    "social_post": (
        (
            "1/ %(Topic)s sounds small until you count the hours. Here is what changed for the shops we work "
            "with.\n2/ Look at it once a day, at the same time, together.\n3/ Write down the exceptions, not the "
            "routine.\n4/ Ask your customers once a month. What works for you?"
        ),
        (
            "%(Topic)s: five minutes in the morning save an hour in the evening. How do you handle it in your "
            "workshop? Scheduled for %(platform)s, %(tone)s tone, one picture from the last photo report."
        ),
        (
            "Posted as a draft on %(platform)s. It says what is new in %(topic)s, for whom, and where to try it. "
            "%(posts)s"
        ),
    ),
    "email_campaign": (
        (
            "Subject: A calmer week with %(topic)s\n\nHello, we looked at what %(reader)s ask us most. %(Topic)s "
            "came first. Here is the short version: start with one repair, keep the steps that help, drop the "
            "rest. The guide takes four minutes to read.\n\nSubjects to test: A calmer week / One thing for Monday "
            "/ What others do."
        ),
        (
            "Three emails on %(topic)s: the problem (day 1), how one shop solved it (day 4), an invitation to try "
            "(day 9). Segment: %(reader)s. The second has the figures of %(month)s. Nothing goes out on a Friday "
            "afternoon."
        ),
    ),
    "financial_report": (
        (
            "%(finance)s On %(topic)s: the effect is smaller than the change between two months, so we would not "
            "name it as a cause. Next: look again when the figures of this month are complete."
        ),
        (
            "Report for %(month)s. %(finance)s %(Topic)s shows up in support hours rather than in revenue. "
            "Recommendation for %(reader)s: keep the plan, check churn again in four weeks."
        ),
    ),
    "budget_review": (
        (
            "Spending $%(budget)s on %(topic)s is possible. %(cash)s The sum is small beside our monthly costs. "
            "Suggestion: release half now and the rest after the first results."
        ),
        (
            "%(cash)s A campaign of $%(budget)s on %(topic)s is below our limit for a single decision. It should "
            "bring at least as many trials as the last one on a similar topic; if it does not after three weeks, "
            "stop it."
        ),
    ),
    "market_research": (
        (
            "%(posts)s The questions fall into three groups: how to begin, what it costs, and what happens when "
            "something goes wrong. The first group is the largest. For %(reader)s a short guide would answer most "
            "of it."
        ),
        (
            "Interest in %(topic)s is steady with a peak in spring. %(posts)s Demand for a feature around it: "
            "moderate, between 8 %% and 14 %% of active customers would use it weekly. The estimate rests on our "
            "own readers only."
        ),
    ),
    "competitor_watch": (
        (
            "%(rival)s describes %(topic)s on two public pages. They are ahead in the first steps for newcomers; "
            "we are ahead in working offline and in reports. Three points for %(reader)s: shorten our first "
            "screen, show the report earlier, leave the price table as it is."
        ),
        (
            "No large change at %(rival)s. One new page on %(topic)s with a video, no new feature. %(posts)s We "
            "would answer with a practical example instead of a comparison."
        ),
    ),
    "compliance_check": (
        (
            "Two findings on %(topic)s. First, a number about saved time has no source: write what our customers "
            "reported and when. Second, the word guaranteed promises more than the terms do: write expected. "
            "Everything else can go out on %(platform)s."
        ),
        (
            "The wording on %(topic)s is fine with one change: name the month of each figure (%(month)s). Risk: "
            "low. The policy on public claims applies, the one on personal records does not."
        ),
    ),
}

FAILURES = (
    "Error: the model did not answer within 60 seconds; nothing was written.",
    "Error: the plan named the action publish, which the %(agent)s does not have.",
    "Error: no figures for the period were found, the report was not made.",
    "Error: the draft was empty after the length limit was applied.",
)

BASE_MODEL, OLDER_MODEL, TUNED_MODEL = "cofounder-base-8b", "cofounder-base-3b", "brindlewick-tuned-v1"
MODELS = (BASE_MODEL, OLDER_MODEL, TUNED_MODEL)
